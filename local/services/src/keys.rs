//! The key pair with which the embedded services are called.

use std::fmt;

/// Access key of the embedded services, unless others are made for a run.
pub const ACCESS_KEY: &str = "gtcl";
/// Secret key of the embedded services, unless others are made for a run.
pub const SECRET_KEY: &str = "gtcl-secret";

/// One access key and its secret; by default [`ACCESS_KEY`] and [`SECRET_KEY`].
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// As in each request.
    pub access_key: String,
    /// Known to both sides only.
    pub secret_key: String,
}

impl Keys {
    /// Keys that nobody knows yet: 64 random bits in the access key, 256 in the secret one.
    pub fn random() -> Self {
        let secret = (rand::random::<u128>(), rand::random::<u128>());
        Self {
            access_key: format!("{ACCESS_KEY}-{:016x}", rand::random::<u64>()),
            secret_key: format!("{:032x}{:032x}", secret.0, secret.1),
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}
