//! Who may do what: what a caller is known as and may do ([`Identity`]), how it shows that
//! ([`TokenTable`], [`JwtRules`], [`TicketKey`]), and how much it may take ([`Quota`], by [`ClientKey`]).
//!
//! Nothing here keeps a token, reads a clock or draws a key: tokens are hashed as they are read, and
//! `now` and keys are arguments. No text that is made here holds a token or a ticket.

mod client;
mod identity;
mod jwt;
mod quota;
mod scope;
mod ticket;
mod token;
mod token_list;

pub use self::{
    client::ClientKey,
    identity::Identity,
    jwt::{
        BadJwt, BadKey, BadRoles, JwtAlgorithm, JwtKey, JwtKeys, JwtRules, LEEWAY, MAX_JWT,
        PlacedKey, RoleTable, Verified, read_jwks,
    },
    quota::Quota,
    scope::{Need, Scope, Scopes, UnknownScope},
    ticket::{BadTicket, TicketKey},
    token::{BadToken, NotATokenHash, TokenEntry, TokenHash, TokenTable},
    token_list::{BadEntry, EntryFault, Plain, TokenList, is_token_name},
};
