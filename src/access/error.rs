//! Why the gate did not do something.

use crate::{access::PasswordRule, domain::PersonNameError, store::StoreError};

/// Why the gate did not do something. No text repeats what was typed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// This server knows no people.
    #[error("this server serves public data only")]
    Closed,
    /// There is no such person, or not for the one who asks.
    #[error("there is no such person")]
    UnknownPerson,
    /// There is no such token or session, or not for the one who asks.
    #[error("there is no such token or session")]
    Unknown,
    /// The name is taken.
    #[error("this user name is taken")]
    NameTaken,
    /// The text is no name.
    #[error(transparent)]
    Name(#[from] PersonNameError),
    /// The one who asks may not do this.
    #[error("you are not entitled to this")]
    NotEntitled,
    /// The password is not good enough.
    #[error(transparent)]
    Password(#[from] PasswordRule),
    /// The present password is wrong.
    #[error("the present password is wrong")]
    WrongPassword,
    /// The code of the second factor is wrong or was used.
    #[error("the code is wrong or was used already")]
    WrongCode,
    /// The one-time token is not good (any more).
    #[error("the one-time token is wrong, used or has expired")]
    WrongToken,
    /// Too many attempts failed.
    #[error("too many attempts failed: wait {} seconds", .retry_after.num_seconds().max(1))]
    TooMany {
        /// How long to wait.
        retry_after: chrono::TimeDelta,
    },
    /// Nobody would be left who operates the platform.
    #[error("this is the last operator: make another one first")]
    LastOperator,
    /// There is no key for second factors, or another one than they were stored with.
    #[error(
        "the key of second factors is missing or another one than they were stored with: name the right one by \
         `secret_key_file`, or take the factors away with `kommunalatlas user reset-second-factor`"
    )]
    FactorKey,
    /// The operating system gives no random bytes.
    #[error("no secret can be made on this machine")]
    NoRandomness,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The store failed.
    #[error("the store of people failed")]
    Store(#[from] StoreError),
}
