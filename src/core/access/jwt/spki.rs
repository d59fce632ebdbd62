//! Public keys as `SubjectPublicKeyInfo` in DER (RFC 5280): as much of it as two kinds need.

/// The algorithm identifier of RSA: `rsaEncryption`, and nothing.
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// The algorithm identifier of ECDSA on P-256: `id-ecPublicKey`, `prime256v1`.
const P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07,
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// A public key, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Public<'a> {
    /// Two numbers, highest byte first.
    Rsa { modulus: &'a [u8], exponent: &'a [u8] },
    /// A point.
    P256(&'a [u8]),
}

/// The key; nothing when it is of another kind, or damaged.
pub(super) fn read(der: &[u8]) -> Option<Public<'_>> {
    let (algorithm, bits) = element(SEQUENCE, whole(SEQUENCE, der)?)?;
    // The first byte says how many bits of the last are unused.
    let key = whole(BIT_STRING, bits)?.strip_prefix(&[0])?;
    match algorithm {
        RSA => {
            let (modulus, rest) = element(INTEGER, whole(SEQUENCE, key)?)?;
            Some(Public::Rsa { modulus, exponent: whole(INTEGER, rest)? })
        }
        P256 => Some(Public::P256(key)),
        _ => None,
    }
}

/// What one element of that tag holds, after which nothing comes.
fn whole(tag: u8, der: &[u8]) -> Option<&[u8]> {
    element(tag, der).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// What the first element holds, which has that tag; and what comes after it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([found, first], rest) = der.split_first_chunk()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (digits.iter().fold(0, |length, digit| length * 256 + usize::from(*digit)), rest)
        }
        // Longer than 64 KiB, or without a length.
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let head = match length {
            [0, short @ 0..=0x7f] => vec![tag, short],
            [0, byte] => vec![tag, 0x81, byte],
            [high, low] => vec![tag, 0x82, high, low],
        };
        [&*head, content].concat()
    }

    fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
        let bits = wrap(BIT_STRING, &[&[0], key].concat());
        wrap(SEQUENCE, &[wrap(SEQUENCE, algorithm), bits].concat())
    }

    /// An RSA key in DER.
    pub(in super::super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let numbers = [wrap(INTEGER, modulus), wrap(INTEGER, exponent)].concat();
        spki(RSA, &wrap(SEQUENCE, &numbers))
    }

    /// A key of P-256 in DER.
    pub(in super::super) fn p256(point: &[u8]) -> Vec<u8> {
        spki(P256, point)
    }

    #[test]
    fn keys_of_another_kind_are_none() {
        let p384 = [&P256[..14], &[0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]].concat();
        assert_eq!(read(&spki(&p384, &[4; 97])), None);
        assert_eq!(read(&spki(RSA, &[4; 65])), None);
        assert_eq!(read(&[p256(&[4; 65]), vec![0]].concat()), None, "something comes after it");
        assert_eq!(read(&[0x30, 0x84, 0, 0, 0, 1, 0]), None);
    }

    proptest! {
        #[test]
        fn keys_are_read_as_they_are_written(
            modulus in prop::collection::vec(any::<u8>(), 1..1100),
            exponent in prop::collection::vec(any::<u8>(), 1..9),
        ) {
            let (der, point) = (rsa(&modulus, &exponent), p256(&modulus));
            let key = Public::Rsa { modulus: &modulus, exponent: &exponent };
            prop_assert_eq!(read(&der), Some(key));
            prop_assert_eq!(read(&point), Some(Public::P256(&modulus)));
        }

        #[test]
        fn a_key_that_is_cut_or_made_up_is_none(cut in 0..160_usize, bytes: Vec<u8>) {
            let der = rsa(&[1; 128], &[1, 0, 1]);
            prop_assert_eq!(read(&der[..cut]), None);
            prop_assert_eq!(read(&bytes), None);
        }
    }
}
