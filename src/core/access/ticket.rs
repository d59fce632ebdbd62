//! Tickets: what a browser puts into the URL of a socket or a stream, where it can send no header.
//!
//! A ticket is signed, not stored: it says whose it is, what that one may do, and until when it
//! opens something, and HMAC-SHA-256 keeps it from being changed. The key is drawn when the router
//! starts and used for nothing else, so no ticket outlives its router or opens another.

use std::fmt;

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{identity::Identity, scope::Scopes};

/// What a ticket begins with.
const PREFIX: &str = "sbt_";
/// What is signed besides, so that the signature can never be taken for that of something else.
const PURPOSE: &[u8] = b"signalbox ticket 1\n";
/// Bytes of the signature.
const SIGNATURE: usize = 32;

type Signer = Hmac<Sha256>;

/// The key that tickets are signed with.
#[derive(Clone)]
pub struct TicketKey(Signer);

/// Why a ticket is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTicket {
    /// This router did not make it, or not so.
    #[error("the ticket is not one of this router")]
    Invalid,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(hidden)")
    }
}

impl TicketKey {
    /// The key of these random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 64]) -> Self {
        let mut signer = Signer::new(&(*bytes).into());
        signer.update(PURPOSE);
        Self(signer)
    }

    /// A ticket that lets `identity` in until `expires_at`. Who is let in stays known for as long
    /// as `identity` says.
    #[must_use]
    pub fn mint(&self, identity: &Identity, expires_at: DateTime<Utc>) -> String {
        let known_until = identity.expires_at.map_or(i64::MAX, |at| at.timestamp_millis());
        let mut claims = Vec::new();
        claims.extend(expires_at.timestamp_millis().to_be_bytes());
        claims.extend(known_until.to_be_bytes());
        claims.push(identity.scopes.bits());
        claims.extend(identity.name.as_deref().unwrap_or_default().as_bytes());
        let signature = self.0.clone().chain_update(&claims).finalize().into_bytes();
        format!("{PREFIX}{}{}", hex::encode(signature), hex::encode(claims))
    }

    /// Who shows a ticket.
    ///
    /// # Errors
    /// When the ticket is none of this key, or its time is over.
    pub fn check(&self, ticket: &str, now: DateTime<Utc>) -> Result<Identity, BadTicket> {
        let digits = ticket.strip_prefix(PREFIX).ok_or(BadTicket::Invalid)?;
        let bytes = hex::decode(digits).map_err(|_invalid| BadTicket::Invalid)?;
        let (signature, claims) = bytes.split_at_checked(SIGNATURE).ok_or(BadTicket::Invalid)?;
        let signed = self.0.clone().chain_update(claims).verify_slice(signature);
        signed.map_err(|_other| BadTicket::Invalid)?;
        let (expires_at, identity) = read(claims).ok_or(BadTicket::Invalid)?;
        if expires_at <= now || identity.expires_at.is_some_and(|at| at <= now) {
            return Err(BadTicket::Expired);
        }
        Ok(identity)
    }
}

/// When a ticket expires, and whose it is.
fn read(claims: &[u8]) -> Option<(DateTime<Utc>, Identity)> {
    let (expires_at, rest) = claims.split_first_chunk()?;
    let (known_until, rest) = rest.split_first_chunk()?;
    let (scopes, name) = rest.split_first()?;
    let name = str::from_utf8(name).ok()?;
    let known_until = match i64::from_be_bytes(*known_until) {
        i64::MAX => None,
        millis => Some(DateTime::from_timestamp_millis(millis)?),
    };
    let identity = Identity {
        name: (!name.is_empty()).then(|| name.into()),
        scopes: Scopes::from_bits(*scopes),
        expires_at: known_until,
    };
    Some((DateTime::from_timestamp_millis(i64::from_be_bytes(*expires_at))?, identity))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn identity() -> Identity {
        let scopes = "ingest,read".parse().unwrap();
        Identity { name: Some("wall-board".into()), scopes, expires_at: None }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_ticket_lets_its_owner_in_until_it_expires() {
        let key = TicketKey::new(&[7; 64]);
        for identity in [
            identity(),
            Identity::anybody(),
            Identity { expires_at: Some(at(100)), ..identity() },
            Identity { name: Some("auth0|5f7c: Zoë".into()), ..identity() },
        ] {
            let ticket = key.mint(&identity, at(60));
            assert_eq!(key.check(&ticket, at(59)), Ok(identity));
            assert_eq!(key.check(&ticket, at(60)), Err(BadTicket::Expired));
        }
    }

    #[test]
    fn a_ticket_is_worth_nothing_once_its_owner_is_not_known_any_more() {
        let key = TicketKey::new(&[7; 64]);
        let ticket = key.mint(&Identity { expires_at: Some(at(30)), ..identity() }, at(60));
        assert_eq!(key.check(&ticket, at(30)), Err(BadTicket::Expired));
    }

    #[test]
    fn a_ticket_of_another_router_is_none() {
        let ticket = TicketKey::new(&[7; 64]).mint(&identity(), at(60));
        assert_eq!(TicketKey::new(&[8; 64]).check(&ticket, at(0)), Err(BadTicket::Invalid));
    }

    proptest! {
        #[test]
        fn a_ticket_that_was_changed_anywhere_is_none(place in any::<prop::sample::Index>(), bit in 0..7_u8) {
            let key = TicketKey::new(&[7; 64]);
            let ticket = key.mint(&identity(), at(60));
            let mut bytes = ticket.clone().into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= 1_u8 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            // Hexadecimal digits are the same in capitals.
            prop_assume!(!changed.eq_ignore_ascii_case(&ticket));
            prop_assert_eq!(key.check(&changed, at(0)), Err(BadTicket::Invalid));
        }

        #[test]
        fn what_anybody_makes_up_is_none(text in ".{0,200}", digits in "[0-9a-f]{0,200}") {
            let key = TicketKey::new(&[7; 64]);
            prop_assert_eq!(key.check(&text, at(0)), Err(BadTicket::Invalid));
            prop_assert_eq!(key.check(&format!("sbt_{digits}"), at(0)), Err(BadTicket::Invalid));
        }
    }
}
