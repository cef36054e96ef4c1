//! Bearer tokens (RFC 6750). A token is random; the store keeps only its hash, so that a
//! stolen database lets nobody in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use rollcall_connectors::Secret;
use rollcall_directory::fingerprint::Fingerprint;

/// The scope that lets a token read a tenant over SCIM.
pub(crate) const SCIM_READ: &str = "scim:read";
/// The scope that lets a token read what administrators read.
pub(crate) const ADMIN: &str = "admin";

/// Keeps these hashes apart from all others.
const HASH_CONTEXT: &str = "rollcall 2026 bearer token";
/// See [`BearerToken::lookup`].
const LOOKUP_CONTEXT: &str = "rollcall 2026 bearer token look-up";

/// A token: a prefix and 256 random bits in base64url. It is shown once,
/// to whoever made it, and never in `Debug`.
#[derive(Debug, Clone)]
pub(crate) struct BearerToken(Secret);

impl BearerToken {
    /// Tells people, and scanners for leaked secrets, what they have found.
    pub(crate) const PREFIX: &'static str = "rc_";
    /// The same for tokens of connections.
    pub(crate) const CONNECTION_PREFIX: &'static str = "rcc_";
    const RANDOM_BYTES: usize = 32;

    /// A new token.
    pub(crate) fn generate<R: CryptoRng>(rng: &mut R) -> Self {
        Self::with_prefix(Self::PREFIX, rng)
    }

    /// A new token of a connection.
    pub(crate) fn for_connection<R: CryptoRng>(rng: &mut R) -> Self {
        Self::with_prefix(Self::CONNECTION_PREFIX, rng)
    }

    fn with_prefix<R: CryptoRng>(prefix: &str, rng: &mut R) -> Self {
        let mut random = [0; Self::RANDOM_BYTES];
        rng.fill_bytes(&mut random);
        let encoded = URL_SAFE_NO_PAD.encode(random);
        Self(Secret::new(format!("{prefix}{encoded}")))
    }

    /// The token that somebody presents; `None` if no token was ever spelled so.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let encoded = text
            .strip_prefix(Self::CONNECTION_PREFIX)
            .or_else(|| text.strip_prefix(Self::PREFIX))?;
        let random = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        (random.len() == Self::RANDOM_BYTES).then(|| Self(Secret::new(text.to_owned())))
    }

    /// What the store keeps and looks tokens up by. A token has 256 random bits, so
    /// neither a slow hash nor a comparison in constant time is called for: whoever
    /// measures the look-up learns something of a hash, and nothing of any token.
    pub(crate) fn hash(&self) -> [u8; 32] {
        blake3::derive_key(HASH_CONTEXT, self.reveal().as_bytes())
    }

    /// Whether it is one of a connection.
    pub(crate) fn is_of_connection(&self) -> bool {
        self.reveal().starts_with(Self::CONNECTION_PREFIX)
    }

    /// What tokens of connections are looked up by, so that the hash itself can be compared
    /// in constant time. Tells nothing of either.
    pub(crate) fn lookup(&self) -> Fingerprint {
        let whole = blake3::derive_key(LOOKUP_CONTEXT, self.reveal().as_bytes());
        let mut lookup = [0; 16];
        for (to, from) in lookup.iter_mut().zip(whole) {
            *to = from;
        }
        Fingerprint(lookup)
    }

    /// Whether it is the token of this hash; takes as long for any other.
    pub(crate) fn is(&self, hash: &[u8]) -> bool {
        blake3::Hash::from_bytes(self.hash()) == *hash
    }

    /// The token itself: only for the eyes of whoever made it.
    pub(crate) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests take the system's randomness"
)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_prefix_and_256_random_bits() {
        let token = BearerToken::generate(&mut rand::rng());
        assert_eq!(token.reveal().len(), 3 + 43);
        let again = BearerToken::parse(token.reveal()).unwrap();
        assert_eq!(token.hash(), again.hash());
        let other = BearerToken::generate(&mut rand::rng());
        assert_ne!(token.hash(), other.hash());
    }

    #[test]
    fn a_token_of_a_connection_shows_it_and_is_looked_up_apart_from_its_hash() {
        let token = BearerToken::for_connection(&mut rand::rng());
        assert!(token.reveal().starts_with("rcc_"));
        let again = BearerToken::parse(token.reveal()).unwrap();
        assert!(again.is_of_connection() && again.is(&token.hash()));
        assert_eq!(again.lookup(), token.lookup());
        assert!(!token.hash().starts_with(&token.lookup().0));
        let other = BearerToken::generate(&mut rand::rng());
        assert!(!other.is_of_connection() && !other.is(&token.hash()));
        assert!(!token.is(&[]));
    }

    #[test]
    fn what_was_never_a_token_is_none() {
        let token = BearerToken::generate(&mut rand::rng());
        let text = token.reveal();
        let cut = text.strip_suffix(|_: char| true).unwrap();
        let padded = format!("{text}=");
        for wrong in [
            "",
            "rc_",
            "secret",
            cut,
            padded.as_str(),
            &text.replace("rc_", ""),
        ] {
            assert!(BearerToken::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_does_not_show_in_debug_output() {
        let token = BearerToken::generate(&mut rand::rng());
        assert!(!format!("{token:?}").contains(token.reveal()));
    }
}
