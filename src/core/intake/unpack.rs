//! A compressed body to what it holds, under caps: a bomb is refused at the cap, without what is
//! beyond it ever being in memory. Knows nothing about events.

use std::io::{self, Read};

/// Windows up to this many bytes, as a power of two: what RFC 9659 wants of zstd over HTTP.
const MAX_WINDOW_LOG: u32 = 23;
/// A body may become so large whatever the ratio: few bytes that repeat themselves compress well.
const FREE_BYTES: usize = 256 << 10;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952, of one or more members.
    Gzip,
    /// RFC 8878, of one or more frames.
    Zstd,
}

impl Encoding {
    fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// How much a body may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Most bytes.
    pub bytes: usize,
    /// Most bytes for one compressed byte, once there are more than 256 KiB of them.
    pub ratio: usize,
}

/// Why a body was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It holds more than [`Caps::bytes`].
    #[error("the body has more than {0} bytes when it is unpacked; send several")]
    TooLarge(usize),
    /// It grows by more than [`Caps::ratio`].
    #[error("the body grows to more than {0} times its size; send it less compressed, or several")]
    Ratio(usize),
    /// It is cut short, or not what it says it is.
    #[error("the body is not whole and valid {0}: {1}")]
    Corrupt(&'static str, #[source] io::Error),
}

/// What `packed` holds.
///
/// # Errors
/// When that is more than the caps allow, or cannot be told.
pub fn unpack(encoding: Encoding, packed: &[u8], caps: Caps) -> Result<Vec<u8>, UnpackError> {
    let by_ratio = packed.len().saturating_mul(caps.ratio).max(FREE_BYTES);
    let most = by_ratio.min(caps.bytes);
    let read = match encoding {
        Encoding::Gzip => up_to(most, flate2::bufread::MultiGzDecoder::new(packed)),
        Encoding::Zstd => zstd(packed).and_then(|decoder| up_to(most, decoder)),
    };
    match read.map_err(|error| UnpackError::Corrupt(encoding.as_str(), error))? {
        Some(bytes) => Ok(bytes),
        None if most < caps.bytes => Err(UnpackError::Ratio(caps.ratio)),
        None => Err(UnpackError::TooLarge(caps.bytes)),
    }
}

fn zstd(packed: &[u8]) -> io::Result<impl Read + '_> {
    let mut decoder = zstd::Decoder::with_buffer(packed)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    Ok(decoder)
}

/// All that `from` gives, to its very end; `None` when that is more than `most` bytes.
fn up_to(most: usize, from: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() <= most))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    const CAPS: Caps = Caps { bytes: 4 << 20, ratio: 10 };
    const BOTH: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

    fn pack(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Zstd => zstd::encode_all(bytes, 3).unwrap(),
        }
    }

    /// Bytes that cannot be compressed.
    fn noise(n: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn what_is_larger_than_a_cap_is_refused() {
        for encoding in BOTH {
            let unpack = |bytes: &[u8]| unpack(encoding, &pack(encoding, bytes), CAPS);
            assert_eq!(unpack(&noise(CAPS.bytes)).unwrap().len(), CAPS.bytes);
            let refused = unpack(&noise(CAPS.bytes + 1));
            assert!(matches!(refused, Err(UnpackError::TooLarge(bytes)) if bytes == CAPS.bytes));
            assert_eq!(unpack(&vec![b' '; FREE_BYTES]).unwrap().len(), FREE_BYTES);
            let refused = unpack(&vec![b' '; FREE_BYTES + 1]);
            assert!(matches!(refused, Err(UnpackError::Ratio(10))), "{encoding:?}: {refused:?}");
        }
    }

    #[test]
    fn what_is_cut_short_changed_or_followed_by_anything_is_corrupt() {
        let corrupt = |encoding, packed: &[u8]| {
            matches!(unpack(encoding, packed, CAPS), Err(UnpackError::Corrupt(..)))
        };
        for encoding in BOTH {
            let packed = pack(encoding, &noise(1000));
            for end in 1..packed.len() {
                assert!(corrupt(encoding, &packed[..end]), "{encoding:?} up to {end}");
            }
            assert!(corrupt(encoding, &[&*packed, b"x"].concat()));
            assert!(corrupt(encoding, b"{\"event_type\": 1}"));
        }
        let mut changed = pack(Encoding::Gzip, &noise(1000));
        changed[500] ^= 1;
        assert!(corrupt(Encoding::Gzip, &changed), "its checksum differs");
    }

    #[test]
    fn a_window_that_would_take_much_memory_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(MAX_WINDOW_LOG + 1).unwrap();
        encoder.write_all(&noise(1000)).unwrap();
        let packed = encoder.finish().unwrap();
        let refused = unpack(Encoding::Zstd, &packed, CAPS);
        assert!(matches!(refused, Err(UnpackError::Corrupt(..))), "{refused:?}");
    }

    proptest! {
        #[test]
        fn what_was_packed_in_parts_comes_out_whole(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4),
        ) {
            for encoding in BOTH {
                let packed: Vec<_> = parts.iter().flat_map(|part| pack(encoding, part)).collect();
                prop_assert_eq!(unpack(encoding, &packed, CAPS).unwrap(), parts.concat());
            }
        }

        #[test]
        fn no_bytes_are_too_strange_to_answer(packed in prop::collection::vec(any::<u8>(), 0..64)) {
            for (encoding, magic) in BOTH.into_iter().zip([&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd"]) {
                let strange = [magic, &*packed].concat();
                if let Ok(bytes) = unpack(encoding, &strange, CAPS) {
                    prop_assert!(bytes.len() <= FREE_BYTES);
                }
            }
        }
    }
}
