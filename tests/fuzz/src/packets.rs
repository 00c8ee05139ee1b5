//! Captures and packets around what the fuzzer chooses: lengths and headers fit, so that what is
//! inside is looked at.

use arbitrary::{Result, Unstructured};
use etherparse::{IpFragOffset, Ipv4Header, Ipv6Header, PacketBuilder, TcpHeader, UdpHeader};

/// Link types that are decoded, and one that is not.
pub const LINKS: [u16; 11] = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 147];

/// A packet as raw IP: of few hosts and ports, so that packets meet in flows.
pub fn packet(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let host = |n: u8| [10, 0, 0, n & 3];
    let hosts: u8 = u.arbitrary()?;
    let (src, dst) = (host(hosts), host(hosts >> 2));
    let ports = (4000 + u16::from(hosts >> 4 & 3), 80 + u16::from(hosts >> 6));
    let mut out = Vec::new();
    let shape: u8 = u.arbitrary()?;
    let payload = payload(u)?;
    let built = match shape % 8 {
        0..4 => {
            let mut tcp = TcpHeader::new(ports.0, ports.1, sequence(u)?, 1024 << (shape >> 5));
            let flags: u8 = u.arbitrary()?;
            (tcp.fin, tcp.syn, tcp.rst) = (flags & 0x11 == 1, flags & 2 != 0, flags & 0x14 == 4);
            tcp.ack = flags & 8 == 0;
            tcp.acknowledgment_number = sequence(u)?;
            if flags & 0x80 != 0 {
                let options: [u8; 8] = u.arbitrary()?;
                // Options that end too late are the header's problem, not ours.
                let _ = tcp.set_options_raw(&options);
            }
            let mut segment = Vec::new();
            let written = tcp.write(&mut segment);
            segment.extend_from_slice(&payload);
            written.and_then(|()| network(u, (src, dst), 6, &segment, &mut out))
        }
        4 | 5 => {
            let length = 8 + payload.len() as u16;
            let header = UdpHeader {
                source_port: ports.0,
                destination_port: ports.1,
                length,
                checksum: 0,
            };
            let datagram = [&header.to_bytes()[..], &payload].concat();
            network(u, (src, dst), 17, &datagram, &mut out)
        }
        6 => {
            let step = PacketBuilder::ipv4(src, dst, 64);
            let step = step.icmpv4_echo_request(u.arbitrary()?, u.arbitrary()?);
            return step
                .write(&mut out, &payload)
                .map(|()| out)
                .or(Ok(Vec::new()));
        }
        _ => return Ok(payload),
    };
    Ok(built.map(|()| out).unwrap_or_default())
}

/// The IP header before a transport: whole, or a fragment, version 4 or 6.
fn network(
    u: &mut Unstructured<'_>,
    (src, dst): ([u8; 4], [u8; 4]),
    protocol: u8,
    data: &[u8],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let kind: u8 = u.arbitrary().unwrap_or(0);
    let id: u8 = u.arbitrary().unwrap_or(0) & 3;
    let at = usize::from(kind >> 4) * 8;
    let more = kind & 8 != 0;
    let rest = data.get(at.min(data.len())..).unwrap_or_default();
    match kind & 3 {
        0 | 1 => {
            let fragment = kind & 3 == 1;
            let body = if fragment { rest } else { data };
            let Ok(mut header) = Ipv4Header::new(body.len() as u16, 64, protocol.into(), src, dst)
            else {
                return Ok(());
            };
            if fragment {
                header.identification = id.into();
                header.more_fragments = more;
                header.fragment_offset = IpFragOffset::try_new(at as u16 / 8).unwrap_or_default();
            }
            header.header_checksum = header.calc_header_checksum();
            header.write(out)?;
            out.extend_from_slice(body);
        }
        fragment => {
            let extension = [
                &[protocol, 0][..],
                &((at as u16) | u16::from(more)).to_be_bytes(),
                &u32::from(id).to_be_bytes(),
            ]
            .concat();
            let (next, extension, body) = match fragment {
                2 => (protocol, &[][..], data),
                _ => (44, &extension[..], rest),
            };
            let wide = |ip: [u8; 4]| {
                let mut wide = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                wide[12..].copy_from_slice(&ip);
                wide
            };
            Ipv6Header {
                payload_length: (extension.len() + body.len()) as u16,
                next_header: next.into(),
                hop_limit: 64,
                source: wide(src),
                destination: wide(dst),
                ..Ipv6Header::default()
            }
            .write(out)?;
            out.extend_from_slice(extension);
            out.extend_from_slice(body);
        }
    }
    Ok(())
}

/// A sequence number near the beginning, near where numbers wrap, or anywhere.
fn sequence(u: &mut Unstructured<'_>) -> Result<u32> {
    let near: u8 = u.arbitrary()?;
    Ok(match near {
        0..0xc0 => u32::from(near),
        0xc0..0xf0 => u32::MAX - u32::from(near & 0x1f),
        _ => u.arbitrary()?,
    })
}

fn payload(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length: u8 = u.arbitrary()?;
    // A few are long, all of one byte.
    if length > 0xf8 {
        return Ok(vec![length; usize::from(length - 0xf8) * 200]);
    }
    let length = usize::from(length & 0x7f).min(u.len());
    Ok(u.bytes(length)?.to_vec())
}

/// A capture whose records have the lengths that they say, or the bytes as they are.
pub fn capture(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let shape: u8 = u.arbitrary()?;
    let link = LINKS[usize::from(u.arbitrary::<u8>()?) % LINKS.len()];
    let big = shape & 0x80 != 0;
    let n16 = |v: u16| {
        if big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
    };
    let n32 = |v: u32| {
        if big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
    };
    let mut file = Vec::new();
    match shape & 3 {
        0 => return Ok(u.bytes(u.len())?.to_vec()),
        1 | 2 => {
            let magic = if shape & 4 == 0 {
                0xa1b2_c3d4
            } else {
                0xa1b2_3c4d
            };
            file.extend(n32(magic));
            file.extend([n16(2), n16(4)].concat());
            file.extend([0; 8]);
            file.extend(n32(262_144));
            file.extend(n32(link.into()));
            while !u.is_empty() {
                let data = frame(u, link)?;
                let time: u16 = u.arbitrary()?;
                file.extend(n32(time.into()));
                file.extend(n32(u32::from(time) * 1000));
                file.extend(n32(data.len() as u32));
                file.extend(n32(data.len() as u32 + u32::from(shape & 8)));
                file.extend(data);
            }
        }
        _ => {
            let mut block = |kind: u32, mut body: Vec<u8>| {
                body.resize(body.len().next_multiple_of(4), 0);
                let length = n32(body.len() as u32 + 12);
                file.extend([&n32(kind)[..], &length, &body, &length].concat());
            };
            let section = [&n32(0x1a2b_3c4d)[..], &n16(1), &n16(0), &[0xff; 8]].concat();
            block(0x0a0d_0d0a, section.clone());
            while !u.is_empty() {
                let kind: u8 = u.arbitrary()?;
                match kind % 8 {
                    0 => block(0x0a0d_0d0a, section.clone()),
                    1 => {
                        let mut body = [&n16(link)[..], &[0, 0], &n32(kind.into())].concat();
                        for _ in 0..kind >> 6 {
                            let code: u8 = u.arbitrary()?;
                            let length = usize::from(u.arbitrary::<u8>()? & 15).min(u.len());
                            body.extend([n16(u16::from(code) & 15), n16(length as u16)].concat());
                            body.extend(u.bytes(length)?);
                            body.resize(body.len().next_multiple_of(4), 0);
                        }
                        block(1, body);
                    }
                    2..5 => {
                        let data = frame(u, link)?;
                        let ticks: u32 = u.arbitrary()?;
                        let length = n32(data.len() as u32);
                        let at = n32(u32::from(kind >> 6));
                        block(
                            6,
                            [&at[..], &n32(0), &n32(ticks), &length, &length, &data].concat(),
                        );
                    }
                    5 => {
                        let data = frame(u, link)?;
                        block(3, [&n32(data.len() as u32)[..], &data].concat());
                    }
                    6 => {
                        let data = frame(u, link)?;
                        let length = n32(data.len() as u32);
                        let at = n16(u16::from(kind >> 6));
                        let body = [
                            &at[..],
                            &n16(0),
                            &n32(0),
                            &n32(kind.into()),
                            &length,
                            &length,
                        ];
                        block(2, [&body.concat()[..], &data].concat());
                    }
                    _ => {
                        let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
                        block(u32::from(kind >> 3), u.bytes(length)?.to_vec());
                    }
                }
            }
        }
    }
    // Damage in one place, now and then.
    if shape & 0x60 == 0x60 && file.len() > 24 {
        let at = 24 + usize::from(shape) * 7 % (file.len() - 24);
        file[at] ^= 0x55;
    }
    Ok(file)
}

/// The header of a link type before a packet, or before anything.
fn frame(u: &mut Unstructured<'_>, link: u16) -> Result<Vec<u8>> {
    let shape: u8 = u.arbitrary()?;
    let data = packet(u)?;
    let six = data.first().is_some_and(|first| first >> 4 == 6);
    let ether: [u8; 2] = if six { [0x86, 0xdd] } else { [8, 0] };
    let header = match link {
        0 if shape & 1 == 0 => vec![if six { 24 } else { 2 }, 0, 0, 0],
        0 | 108 => vec![0, 0, 0, if six { 30 } else { 2 }],
        1 => {
            let mut header = vec![2; 12];
            for _ in 0..shape & 3 {
                let tag = if shape & 4 == 0 {
                    [0x81, 0]
                } else {
                    [0x88, 0xa8]
                };
                header.extend(tag);
                header.extend(u16::from(shape).to_be_bytes());
            }
            header.extend(ether);
            header
        }
        113 => [&[0; 14][..], &ether].concat(),
        276 => [&ether[..], &[0; 18]].concat(),
        _ => Vec::new(),
    };
    Ok([header, data].concat())
}
