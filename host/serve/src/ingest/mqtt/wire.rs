//! Packets of MQTT 3.1.1 over a connection.

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::Error;
use rumqttc::mqttbytes::v4::Packet;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::Problem;

/// Bytes of a packet beside the payload: topic, id and lengths.
const MAX_HEADER: usize = 66 << 10;
/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;
/// How long a packet may take to be sent.
const SEND: Duration = Duration::from_secs(10);
/// The largest packet that is sent.
const MAX_SENT: usize = 64 << 10;

/// A connection, as packets.
pub(super) struct Wire<S> {
    stream: S,
    buffer: BytesMut,
    /// The largest packet that is read.
    most: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Over a connection, by which messages of so many bytes at most may come.
    pub(super) fn new(stream: S, most: usize) -> Wire<S> {
        Wire {
            stream,
            buffer: BytesMut::new(),
            most: most + MAX_HEADER,
        }
    }

    /// The next packet; nothing is lost where this is given up and called again.
    ///
    /// # Errors
    /// When the connection ends, or a packet is none or too large.
    pub(super) async fn next(&mut self) -> Result<Packet, Problem> {
        loop {
            match Packet::read(&mut self.buffer, self.most) {
                Ok(packet) => return Ok(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => {
                    return Err(Problem(format!("the broker sends what is none: {error}")));
                }
            }
            self.buffer.reserve(PIECE);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Problem("the broker has closed the connection".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(Problem(format!("the connection broke: {error}"))),
            }
        }
    }

    /// Sends packets together.
    ///
    /// # Errors
    /// When they cannot be sent, or that takes too long.
    pub(super) async fn send(&mut self, packets: &[Packet]) -> Result<(), Problem> {
        let mut bytes = BytesMut::new();
        for packet in packets {
            let written = packet.write(&mut bytes, MAX_SENT);
            written.map_err(|error| Problem(format!("a packet cannot be sent: {error}")))?;
        }
        let sending = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        match timeout(SEND, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Problem(format!("the connection broke: {error}"))),
            Err(_) => Err(Problem("the broker takes nothing any more".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::mqttbytes::QoS;
    use rumqttc::mqttbytes::v4::Publish;

    use super::*;

    fn sent(bytes: Vec<u8>, most: usize) -> Result<Vec<Packet>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let mut wire = Wire::new(tokio::io::join(&bytes[..], tokio::io::sink()), most);
            let mut packets = Vec::new();
            loop {
                match wire.next().await {
                    Ok(packet) => packets.push(packet),
                    Err(problem) if problem.0.contains("closed") => return Ok(packets),
                    Err(problem) => return Err(problem.0),
                }
            }
        })
    }

    fn publish(payload: usize) -> Vec<u8> {
        let mut publish = Publish::new("a/b", QoS::AtLeastOnce, vec![b'x'; payload]);
        publish.pkid = 7;
        let mut bytes = BytesMut::new();
        publish.write(&mut bytes).unwrap();
        bytes.to_vec()
    }

    #[test]
    fn whatever_a_broker_sends_is_packets_within_a_bound_or_an_error() {
        let two = [publish(10), publish(20)].concat();
        assert_eq!(sent(two.clone(), 20).unwrap().len(), 2);
        // Nothing of what is cut off.
        assert_eq!(sent(two[..two.len() - 1].to_vec(), 20).unwrap().len(), 1);
        assert!(sent(publish(200_000), 100_000).is_err());
        // A length without end, another packet than there are, a packet id of nothing.
        for wrong in [
            &[0x30, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
            &[0x00, 0x01, 0x00],
            &[0x32, 0x05, 0x00, 0x01, b'a', 0x00, 0x00],
            &[0x30, 0x03, 0x00, 0x09, b'a'],
            &[0x30, 0x03, 0x00, 0x01, 0xff],
        ] {
            assert!(sent(wrong.to_vec(), 20).is_err(), "{wrong:?}");
        }
        // Any bytes at all, in any order.
        let mut state = 7u64;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..12 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                bytes.push((state >> 40) as u8);
            }
            // A length that is there, so that what is within is read.
            bytes[1] = 10;
            let _ = sent(bytes, 20);
        }
    }
}
