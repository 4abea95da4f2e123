//! Several programs that migrate one database at once.

use crate::{cluster::Cluster, person::Person};

#[test]
fn programs_that_migrate_at_once_wait_for_each_other() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    // Somebody holds the lock of migrations for a while: nobody may begin meanwhile.
    let lock = format!("SELECT pg_advisory_lock({}); SELECT pg_sleep(2)", i64::from_be_bytes(*b"kommunal"));
    let children: Vec<_> = std::thread::scope(|scope| {
        let holder = scope.spawn(|| cluster.tamper(&lock));
        std::thread::sleep(std::time::Duration::from_millis(500));
        let mut children: Vec<_> = (0..3).map(|_| person.command(&["migrate"]).spawn().unwrap()).collect();
        std::thread::sleep(std::time::Duration::from_millis(500));
        if !holder.is_finished() {
            assert!(children.iter_mut().all(|child| child.try_wait().unwrap().is_none()), "nobody waited");
        }
        holder.join().unwrap();
        children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
    });
    for done in children {
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    person.succeeds("atlas create a");
}
