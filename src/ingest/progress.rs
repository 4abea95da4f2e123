//! How far an import is, for somebody who waits at a terminal.

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::IngestError;

/// Somebody who is told how far an import is. What it does with it must be quick.
pub trait Progress: Send + Sync {
    /// A step begins, named in a few English words for people: `reading`, `joining keys`.
    fn begin(&self, step: &str);
    /// Part of the present step that is done, 0…1.
    fn done(&self, part: f64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _step: &str) {}

    fn done(&self, _part: f64) {}
}

enum Message {
    Begin(String),
    Done(f64),
}

/// Sends what a worker thread tells to the task that waits for it.
struct Sender(UnboundedSender<Message>);

impl Progress for Sender {
    fn begin(&self, step: &str) {
        // Nobody listens any more when the waiting task was dropped; then there is nobody to tell.
        let _ = self.0.send(Message::Begin(step.to_owned()));
    }

    fn done(&self, part: f64) {
        let _ = self.0.send(Message::Done(part));
    }
}

/// Runs heavy work on a thread for blocking work and passes on what it tells.
///
/// # Errors
/// [`IngestError::Worker`] if the work panics or the runtime shuts down.
pub async fn on_worker<T, W>(progress: &dyn Progress, work: W) -> Result<T, IngestError>
where
    T: Send + 'static,
    W: FnOnce(&dyn Progress) -> T + Send + 'static,
{
    let (sender, mut messages) = unbounded_channel();
    let handle = tokio::task::spawn_blocking(move || work(&Sender(sender)));
    // Ends when the work is over, because its sender is dropped then.
    while let Some(message) = messages.recv().await {
        match message {
            Message::Begin(step) => progress.begin(&step),
            Message::Done(part) => progress.done(part),
        }
    }
    handle.await.map_err(|error| IngestError::Worker(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Progress for Heard {
        fn begin(&self, step: &str) {
            self.0.lock().unwrap().push(step.to_owned());
        }

        fn done(&self, part: f64) {
            self.0.lock().unwrap().push(format!("{part}"));
        }
    }

    #[tokio::test]
    async fn what_a_worker_tells_is_heard_by_the_waiting_task() {
        let heard = Heard::default();
        let result = on_worker(&heard, |progress| {
            progress.begin("reading");
            progress.done(0.5);
            7
        })
        .await;
        assert_eq!(result.unwrap(), 7);
        assert_eq!(*heard.0.lock().unwrap(), ["reading", "0.5"]);
    }

    #[tokio::test]
    async fn a_panic_of_a_worker_is_an_error() {
        let result = on_worker(&NoProgress, |_| -> () { panic!("broken") }).await;
        assert!(matches!(result, Err(IngestError::Worker(_))));
    }
}
