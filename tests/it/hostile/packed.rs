//! Compressed bodies that are bombs, broken, or not what they say.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{Case, JSON, post, refused};
use crate::support::router::event;

const MIB: usize = 1 << 20;

fn pack(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    if encoding == "zstd" {
        return zstd::encode_all(bytes, 1).unwrap();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(name: &str, encoding: &str, body: &[u8], status: u16, code: &str) -> Case {
    let headers = format!("{JSON}Content-Encoding: {encoding}\r\n");
    refused(format!("{encoding}: {name}"), post(&headers, body), status, code)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = ["gzip", "zstd"].into_iter().flat_map(in_both).collect();
    cases.extend(gzip());
    cases.extend(zstandard());
    cases.extend(encodings());
    cases
}

fn in_both(encoding: &'static str) -> Vec<Case> {
    let packed = |name, body: &[u8], status, code| packed(name, encoding, body, status, code);
    let part = pack(encoding, &vec![b' '; 16 * MIB]);
    // Enough of them that it is not the ratio that is too large.
    let bomb = part.repeat((MIB / 4).div_ceil(part.len()));
    let whole = pack(encoding, event("a").to_string().as_bytes());
    let empty = pack(encoding, b"").repeat(50_000);
    let many = json!(vec![event("a"); 10_001]).to_string();
    vec![
        packed("a bomb of many parts", &bomb, 413, "body_too_large"),
        packed("a bomb of one part", &part, 413, "compression_ratio"),
        packed(
            "just too large a ratio",
            &pack(encoding, &vec![b' '; MIB]),
            413,
            "compression_ratio",
        ),
        packed("50,000 empty parts", &empty, 422, "invalid_events"),
        packed("cut short", &whole[..whole.len() - 1], 400, "bad_encoding"),
        packed("cut in its head", &whole[..3], 400, "bad_encoding"),
        packed("followed by something", &[&*whole, b"and more"].concat(), 400, "bad_encoding"),
        packed("not packed at all", event("a").to_string().as_bytes(), 400, "bad_encoding"),
        packed("nothing", b"", 400, "bad_encoding"),
        packed("packed twice, said once", &pack(encoding, &whole), 422, "invalid_events"),
        packed("bad inside", &pack(encoding, b"{\"\xff\":1}"), 422, "invalid_events"),
        packed(
            "too many events inside",
            &pack(encoding, many.as_bytes()),
            413,
            "compression_ratio",
        ),
    ]
}

fn gzip() -> Vec<Case> {
    let head = |flags: u8| [&b"\x1f\x8b\x08"[..], &[flags], &[0; 6]].concat();
    let name = [head(0x08), vec![b'n'; MIB]].concat();
    let extra = [head(0x04), vec![0xff; 9]].concat();
    // The checksum is before the length.
    let mut changed = pack("gzip", event("a").to_string().as_bytes());
    *changed.iter_mut().rev().nth(5).unwrap() ^= 1;
    vec![
        packed("a file name without an end", "gzip", &name, 400, "bad_encoding"),
        packed("extra bytes that do not come", "gzip", &extra, 400, "bad_encoding"),
        packed("another checksum", "gzip", &changed, 400, "bad_encoding"),
        packed("reserved flags", "gzip", &head(0xe0), 400, "bad_encoding"),
        packed("zlib in its place", "gzip", b"\x78\x9c\x03\0\0\0\0\x01", 400, "bad_encoding"),
    ]
}

fn zstandard() -> Vec<Case> {
    let frame = |head: &[u8], rest: &[u8]| [b"\x28\xb5\x2f\xfd", head, rest].concat();
    let braces = b"\x11\0\0{}";
    let zstd = |name, body: &[u8], status, code| packed(name, "zstd", body, status, code);
    let blocks = [b"\0\0\0".repeat(MIB), b"\x01\0\0".to_vec()].concat();
    vec![
        // As the others are made, so that they fail for what is said.
        zstd("two braces by hand", &frame(b"\x20\x02", braces), 422, "invalid_events"),
        zstd("a dictionary", &frame(b"\x21\x07\x02", braces), 400, "bad_encoding"),
        zstd("a window of 16 MiB", &frame(&[0, 14 << 3], braces), 400, "bad_encoding"),
        zstd("the largest window", &frame(&[0, 31 << 3], braces), 400, "bad_encoding"),
        zstd("4 GiB to be skipped", b"\x50\x2a\x4d\x18\xff\xff\xff\xff", 400, "bad_encoding"),
        zstd("a million empty blocks", &frame(b"\0\x58", &blocks), 422, "invalid_events"),
        zstd("runs", &frame(b"\0\x58", &b"\x02\0\x10 ".repeat(3000)), 413, "compression_ratio"),
    ]
}

fn encodings() -> Vec<Case> {
    let body = pack("gzip", event("a").to_string().as_bytes());
    let unknown =
        ["br", "deflate", "compress", "gzip, gzip", "identity, gzip", "gzip;q=1", "*", ""];
    let mut cases: Vec<_> = unknown
        .into_iter()
        .map(|encoding| packed("refused", encoding, &body, 415, "unsupported_encoding"))
        .collect();
    let twice = format!("{JSON}Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n");
    cases.push(refused("two headers", post(&twice, &body), 415, "unsupported_encoding"));
    cases
}
