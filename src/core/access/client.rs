//! Whom limits count together: one client, as far as that can be told.

use std::sync::Arc;

/// A client, as limits see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientKey {
    /// All who show the same token, wherever they are.
    Named(Arc<str>),
    /// One address of IPv4.
    V4([u8; 4]),
    /// One network of IPv6: the first 64 bits, since a single machine has all the rest to itself.
    V6([u8; 8]),
    /// Whose address is not known.
    Unknown,
}

impl ClientKey {
    /// The client at an address of IPv6, which may stand for one of IPv4 (`::ffff:a.b.c.d`).
    #[must_use]
    pub fn v6(octets: [u8; 16]) -> Self {
        match octets {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Self::V4([a, b, c, d]),
            [network @ .., _, _, _, _, _, _, _, _] => Self::V6(network),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(groups: [u16; 8]) -> ClientKey {
        let bytes: Vec<u8> = groups.into_iter().flat_map(u16::to_be_bytes).collect();
        ClientKey::v6(bytes.try_into().unwrap())
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let first = at([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]);
        assert_eq!(first, at([0x2001, 0xdb8, 0, 1, 0xffff, 0xffff, 0xffff, 0xffff]));
        assert_ne!(first, at([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]));
        assert_ne!(first, at([0x2001, 0xdb9, 0, 1, 0, 0, 0, 1]));
    }

    #[test]
    fn an_address_of_ipv4_is_the_same_client_in_either_form() {
        let v4 = ClientKey::V4([192, 0, 2, 7]);
        assert_eq!(at([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0207]), v4);
        assert_ne!(at([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0208]), v4);
        assert_ne!(at([0, 0, 0, 0, 0, 0, 0xc000, 0x0207]), v4);
    }
}
