//! DSSE envelopes (secure-systems-lab/dsse, version 1): a payload with its signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::content::MAX_ATTESTATION_BYTES;
use crate::{KeyId, Refusal, Sign};

/// Most signatures of one envelope.
const MAX_SIGNATURES: usize = 32;

/// A payload with its type and signatures. What it says of itself is a hint; only
/// signatures that were verified count, and they cover payload and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// A signature as it stands in an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// The key that is said to have made it. Used to find the key; a signature that does
    /// not verify under that very key is refused.
    pub key: KeyId,
    /// The signature.
    pub bytes: [u8; 64],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<RawSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    #[serde(default)]
    keyid: Option<String>,
    sig: String,
}

impl Envelope {
    /// An envelope without signatures.
    pub fn new(payload_type: &str, payload: Vec<u8>) -> Self {
        Self {
            payload_type: payload_type.to_owned(),
            payload,
            signatures: Vec::new(),
        }
    }

    /// Reads an envelope; `name` says in messages where it is from.
    ///
    /// # Errors
    /// When it is not JSON of the envelope's form, has fields that an envelope does not have
    /// or one twice, is not base64 in its only form, or a key signs twice.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Refusal> {
        let refuse = |problem: String| Refusal::Envelope {
            name: name.to_owned(),
            problem,
        };
        if bytes.len() > MAX_ATTESTATION_BYTES {
            return Err(refuse(format!(
                "it has more than {MAX_ATTESTATION_BYTES} bytes"
            )));
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|e| refuse(e.to_string()))?;
        let payload = STANDARD
            .decode(&raw.payload)
            .map_err(|e| refuse(format!("payload: {e}")))?;
        if raw.signatures.len() > MAX_SIGNATURES {
            return Err(refuse(format!(
                "it has more than {MAX_SIGNATURES} signatures"
            )));
        }
        let mut signatures: Vec<EnvelopeSignature> = Vec::new();
        for raw in raw.signatures {
            let Some(key) = raw.keyid.filter(|key| !key.is_empty()) else {
                return Err(Refusal::KeyIdAbsent {
                    name: name.to_owned(),
                });
            };
            let key: KeyId = key.parse().map_err(|e| refuse(format!("keyid: {e}")))?;
            let bytes = STANDARD
                .decode(&raw.sig)
                .ok()
                .and_then(|sig| sig.try_into().ok());
            let Some(bytes) = bytes else {
                let key = key.short().to_owned();
                return Err(Refusal::SignatureMalformed {
                    name: name.to_owned(),
                    key,
                });
            };
            if signatures.iter().any(|other| other.key == key) {
                let key = key.short().to_owned();
                return Err(Refusal::SignatureTwice {
                    name: name.to_owned(),
                    key,
                });
            }
            signatures.push(EnvelopeSignature { key, bytes });
        }
        Ok(Self {
            payload_type: raw.payload_type,
            payload,
            signatures,
        })
    }

    /// As JSON on one line.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = crate::canonical::write_json(&Raw {
            payload_type: self.payload_type.clone(),
            payload: STANDARD.encode(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|s| RawSignature {
                    keyid: Some(s.key.to_string()),
                    sig: STANDARD.encode(s.bytes),
                })
                .collect(),
        });
        bytes.push(b'\n');
        bytes
    }

    /// The type of the payload.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload. Nothing of it is to be believed before signatures were verified.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures.
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// What is signed: the pre-authentication encoding of type and payload.
    pub fn message(&self) -> Vec<u8> {
        let mut message = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        )
        .into_bytes();
        message.extend_from_slice(&self.payload);
        message
    }

    /// Adds a signature, in place of an earlier one of the same key, and checks that it fits.
    ///
    /// # Errors
    /// When the signer gives none, or one that does not fit, in words.
    pub fn sign(&mut self, signer: &dyn Sign) -> Result<(), String> {
        let message = self.message();
        let bytes = signer.sign(&message)?;
        let public = signer.public();
        if !public.verifies(&message, &bytes) {
            return Err(format!(
                "the signature that was made does not fit public key {}; is it the key's own?",
                public.id()
            ));
        }
        self.signatures.retain(|s| s.key != *public.id());
        self.signatures.push(EnvelopeSignature {
            key: public.id().clone(),
            bytes,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_32_signatures_and_no_more() {
        let envelope = |count: usize| {
            let signature = |at| serde_json::json!({"keyid": format!("{at:064x}"), "sig": STANDARD.encode([0; 64])});
            let all: Vec<_> = (0..count).map(signature).collect();
            let text = serde_json::json!({"payloadType": "x", "payload": "", "signatures": all});
            Envelope::read("x", text.to_string().as_bytes())
        };
        assert_eq!(envelope(32).unwrap().signatures().len(), 32);
        let refused = envelope(33).unwrap_err().to_string();
        assert!(refused.contains("more than 32 signatures"), "{refused}");
    }

    #[test]
    fn the_encoding_is_that_of_the_protocol() {
        // The example of the DSSE specification.
        let envelope = Envelope::new("http://example.com/HelloWorld", b"hello world".to_vec());
        assert_eq!(
            envelope.message(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
