//! A process and its connections as the operating system sees them (Linux's `/proc`).

use std::{collections::HashSet, fs};

/// Bytes of memory that a process has resident.
pub fn resident_bytes(pid: u32) -> u64 {
    bytes(pid, "VmRSS:")
}

/// The most bytes of memory that a process ever had resident.
pub fn most_resident_bytes(pid: u32) -> u64 {
    bytes(pid, "VmHWM:")
}

fn bytes(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// The peers, by port, of a server at `port`: those that one of the process's descriptors is open
/// for, and those that the kernel has a connection to, whoever holds it.
pub fn peers(pid: u32, port: u16) -> HashSet<u16> {
    let held = sockets(pid);
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let here = rows.filter(|row| port_of(row[1]) == port);
    let known = here.filter(|row| row[3] == ESTABLISHED || held.contains(row[9]));
    known.map(|row| port_of(row[2])).filter(|peer| *peer > 0).collect()
}

const ESTABLISHED: &str = "01";

/// The inodes of a process's open sockets.
fn sockets(pid: u32) -> HashSet<String> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    // One that was closed in the meantime has no target.
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    targets
        .filter_map(|target| {
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect()
}

/// The port of an address such as `0100007F:1F90`.
fn port_of(address: &str) -> u16 {
    u16::from_str_radix(address.rsplit_once(':').unwrap().1, 16).unwrap()
}
