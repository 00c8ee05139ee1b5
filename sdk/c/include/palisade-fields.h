/* Generated from the WIT by the tests of host/wit-model; do not edit.
 *
 * Ids of fields, each with the function of `batch` that reads its column, and the
 * codes of kinds and of enums' cases. An attribute's id: palisade_field("attributes.NAME").
 */
#ifndef PALISADE_FIELDS_H
#define PALISADE_FIELDS_H

#define PALISADE_FIELD_ACTION 0xc4642effu /* action: u8s */
#define PALISADE_FIELD_ACTOR 0x0e8cd7bau /* actor: text */
#define PALISADE_FIELD_ACTOR_ROLE 0x292b2de9u /* actor-role: u8s */
#define PALISADE_FIELD_AFFECTED_DEVICES 0x80eccf7fu /* affected-devices: text */
#define PALISADE_FIELD_AFFECTED_USERS 0xec7191a4u /* affected-users: text */
#define PALISADE_FIELD_AGE 0x2c41499cu /* age: u8s */
#define PALISADE_FIELD_AGREEMENT 0xf16c0647u /* agreement: text */
#define PALISADE_FIELD_ALIASES 0x2bc0e91fu /* aliases: text */
#define PALISADE_FIELD_ALPN 0xedc0dc5au /* alpn: text */
#define PALISADE_FIELD_ANONYMISED 0xfacfa474u /* anonymised: u8s */
#define PALISADE_FIELD_ANSWERS 0x41a869c4u /* answers: a record: valid, offsets */
#define PALISADE_FIELD_ANSWERS_NAME 0xfff327bdu /* answers.name: text */
#define PALISADE_FIELD_ANSWERS_RDATA 0x0b00ba8cu /* answers.rdata: text */
#define PALISADE_FIELD_ANSWERS_RTYPE 0xee9cf54cu /* answers.rtype: text */
#define PALISADE_FIELD_ANSWERS_TTL 0x78574536u /* answers.ttl: u32s */
#define PALISADE_FIELD_APP_PROTO 0xdb29e9ffu /* app-proto: text */
#define PALISADE_FIELD_APPROVER 0x880e1bd8u /* approver: text */
#define PALISADE_FIELD_ASSESSED_SCORE 0xdffef015u /* assessed-score: f64s */
#define PALISADE_FIELD_ATTACHMENTS 0x1a545e81u /* attachments: a record: valid, offsets */
#define PALISADE_FIELD_ATTACHMENTS_AT 0x0d363020u /* attachments.at: u64s */
#define PALISADE_FIELD_ATTACHMENTS_MIME 0x6aacdde5u /* attachments.mime: text */
#define PALISADE_FIELD_ATTACHMENTS_SHA256 0x30986bc2u /* attachments.sha256: text */
#define PALISADE_FIELD_ATTACHMENTS_URI 0xbf566195u /* attachments.uri: text */
#define PALISADE_FIELD_ATTACK_TAGS 0x0f0301d9u /* attack-tags: text */
#define PALISADE_FIELD_ATTESTATION 0x12a348d9u /* attestation: a record: valid, offsets */
#define PALISADE_FIELD_ATTESTATION_ALG 0xe9171cd5u /* attestation.alg: text */
#define PALISADE_FIELD_ATTESTATION_PRESENT 0xdba09a1cu /* attestation.present: u8s */
#define PALISADE_FIELD_ATTESTATION_SIGNER 0x892fa5c3u /* attestation.signer: text */
#define PALISADE_FIELD_ATTESTATION_VALID 0xbd7c2941u /* attestation.valid: u8s */
#define PALISADE_FIELD_ATTRIBUTES 0xe1ffdb94u /* attributes: attributes: one field each */
#define PALISADE_FIELD_AUDIENCE 0x2d679963u /* audience: u8s */
#define PALISADE_FIELD_AUTHENTICATED 0xd1d254f8u /* authenticated: u8s */
#define PALISADE_FIELD_AUTHOR 0x4f7aba56u /* author: text */
#define PALISADE_FIELD_AUTHOR_AGE 0x7adfca00u /* author-age: u8s */
#define PALISADE_FIELD_AUTO_SUBMITTED 0x110474b6u /* auto-submitted: u8s */
#define PALISADE_FIELD_BASELINE 0xabf8de42u /* baseline: text */
#define PALISADE_FIELD_BASELINE_FAILED 0xb225b54cu /* baseline-failed: text */
#define PALISADE_FIELD_BUILD_SHA256 0xbb1de205u /* build-sha256: text */
#define PALISADE_FIELD_BYTES_IN 0xdf521178u /* bytes-in: u64s */
#define PALISADE_FIELD_BYTES_OUT 0x797b497du /* bytes-out: u64s */
#define PALISADE_FIELD_CAMPAIGN 0xbed023b3u /* campaign: text */
#define PALISADE_FIELD_CASE 0x9b2538b1u /* case: text */
#define PALISADE_FIELD_CATEGORY 0xcf2f4271u /* category: text */
#define PALISADE_FIELD_CHANGED_AT 0x3e728bd7u /* changed-at: u64s */
#define PALISADE_FIELD_CHANNEL 0x21c252a4u /* channel: text */
#define PALISADE_FIELD_CHANNEL_ENCRYPTED 0x1bd1d701u /* channel-encrypted: u8s */
#define PALISADE_FIELD_CIPHER 0xe8e9624au /* cipher: text */
#define PALISADE_FIELD_CLAIMED_SCORE 0x747d5aa1u /* claimed-score: f64s */
#define PALISADE_FIELD_CLASS 0xab3e0bffu /* class: u8s */
#define PALISADE_FIELD_CLIENT_CERT 0xa233d967u /* client-cert: a record: valid, offsets */
#define PALISADE_FIELD_CLIENT_CERT_ISSUER 0x89a6bf90u /* client-cert.issuer: text */
#define PALISADE_FIELD_CLIENT_CERT_NOT_AFTER 0x137b6e7bu /* client-cert.not-after: u64s */
#define PALISADE_FIELD_CLIENT_CERT_NOT_BEFORE 0x591535acu /* client-cert.not-before: u64s */
#define PALISADE_FIELD_CLIENT_CERT_SELF_SIGNED 0x635fc1e0u /* client-cert.self-signed: u8s */
#define PALISADE_FIELD_CLIENT_CERT_SHA256 0x9de9444cu /* client-cert.sha256: text */
#define PALISADE_FIELD_CLIENT_CERT_SUBJECT 0xd1662709u /* client-cert.subject: text */
#define PALISADE_FIELD_CLIENT_ID 0xd097404cu /* client-id: text */
#define PALISADE_FIELD_COMPONENT 0x5efd6ee0u /* component: text */
#define PALISADE_FIELD_CONFIDENCE 0xd458ccd1u /* confidence: u8s */
#define PALISADE_FIELD_CONSENT 0xcd345cbdu /* consent: a record: valid, offsets */
#define PALISADE_FIELD_CONSENT_AT 0x6e340a84u /* consent.at: u64s */
#define PALISADE_FIELD_CONSENT_BY 0x633ab4f8u /* consent.by: text */
#define PALISADE_FIELD_CONSENT_EXPIRES 0x7bab659fu /* consent.expires: u64s */
#define PALISADE_FIELD_CONSENT_KIND 0xe3315ed7u /* consent.kind: u8s */
#define PALISADE_FIELD_CONSENT_REF 0x83306e3eu /* consent.ref: text */
#define PALISADE_FIELD_CONSENT_SCOPE 0xcce7e037u /* consent.scope: text */
#define PALISADE_FIELD_CONSENTS 0xd76e184au /* consents: a record: valid, offsets */
#define PALISADE_FIELD_CONSENTS_AT 0xab3aedb9u /* consents.at: u64s */
#define PALISADE_FIELD_CONSENTS_BY 0xae3ec409u /* consents.by: text */
#define PALISADE_FIELD_CONSENTS_EXPIRES 0x18e305e8u /* consents.expires: u64s */
#define PALISADE_FIELD_CONSENTS_KIND 0x91361eceu /* consents.kind: u8s */
#define PALISADE_FIELD_CONSENTS_REF 0x8991def1u /* consents.ref: text */
#define PALISADE_FIELD_CONSENTS_SCOPE 0x00a9ad48u /* consents.scope: text */
#define PALISADE_FIELD_CONTACT 0x4303b923u /* contact: text */
#define PALISADE_FIELD_CONTAINS 0x6ccaf138u /* contains: u8s */
#define PALISADE_FIELD_CONTENT 0x90bec3c2u /* content: text */
#define PALISADE_FIELD_COUNTERPARTY 0x7d1eca65u /* counterparty: text */
#define PALISADE_FIELD_CUSTOMER 0xa4bdaa19u /* customer: text */
#define PALISADE_FIELD_DECLARED_FIELDS 0xe3b048c7u /* declared-fields: text */
#define PALISADE_FIELD_DECLARED_OPS 0x8b8785fau /* declared-ops: text */
#define PALISADE_FIELD_DEPTH 0xfe759eeau /* depth: u8s */
#define PALISADE_FIELD_DETAIL 0x60345894u /* detail: text */
#define PALISADE_FIELD_DETECTED_AT 0xa763115fu /* detected-at: u64s */
#define PALISADE_FIELD_DEVICE 0xd07076f3u /* device: text */
#define PALISADE_FIELD_DEVICE_TYPE 0x737e073au /* device-type: text */
#define PALISADE_FIELD_DIRECTION 0xdf6dc76au /* direction: u8s */
#define PALISADE_FIELD_DKIM 0x89fa2f3au /* dkim: text */
#define PALISADE_FIELD_DMARC 0x6c74021eu /* dmarc: text */
#define PALISADE_FIELD_DOMAIN 0xe79397f1u /* domain: text */
#define PALISADE_FIELD_DST 0xd3237a9cu /* dst: a record: valid, offsets */
#define PALISADE_FIELD_DST_ASN 0xc1ce7594u /* dst.asn: u32s */
#define PALISADE_FIELD_DST_COUNTRY 0xb428a104u /* dst.country: text */
#define PALISADE_FIELD_DST_IP 0x8881b347u /* dst.ip: addresses */
#define PALISADE_FIELD_DST_PORT 0x33e556a1u /* dst.port: u16s */
#define PALISADE_FIELD_DTLS 0x42012628u /* dtls: u8s */
#define PALISADE_FIELD_DUE 0xe8311335u /* due: u64s */
#define PALISADE_FIELD_ENCRYPTED 0x3e8df1b3u /* encrypted: u8s */
#define PALISADE_FIELD_ENDED 0x1a30bf3bu /* ended: u64s */
#define PALISADE_FIELD_ENGINE 0xee05d83bu /* engine: text */
#define PALISADE_FIELD_ESTABLISHED 0x939a988du /* established: u8s */
#define PALISADE_FIELD_EVENT_REF 0x84b5c0d7u /* event-ref: u64s */
#define PALISADE_FIELD_EVIDENCE 0xc21f2024u /* evidence: a record: valid, offsets */
#define PALISADE_FIELD_EVIDENCE_AT 0x29d3d27bu /* evidence.at: u64s */
#define PALISADE_FIELD_EVIDENCE_MIME 0x654a25b6u /* evidence.mime: text */
#define PALISADE_FIELD_EVIDENCE_SHA256 0xf8849999u /* evidence.sha256: text */
#define PALISADE_FIELD_EVIDENCE_URI 0x642da690u /* evidence.uri: text */
#define PALISADE_FIELD_FEATURES 0x5f8383cau /* features: text */
#define PALISADE_FIELD_FILING_NUMBER 0xdcd64d0au /* filing-number: text */
#define PALISADE_FIELD_FIRED_AT 0x38eb665bu /* fired-at: u64s */
#define PALISADE_FIELD_FIRMWARE_VERSION 0x130f7cadu /* firmware-version: text */
#define PALISADE_FIELD_FIRST_BYTES 0xccb3ab07u /* first-bytes: text */
#define PALISADE_FIELD_FIRST_CONNECT 0x442c3f3au /* first-connect: u8s */
#define PALISADE_FIELD_FIXES 0xc4f576bcu /* fixes: text */
#define PALISADE_FIELD_FLOW 0xbdc81695u /* flow: a record: valid, offsets */
#define PALISADE_FIELD_FLOW_COMMUNITY_ID 0x3c1ed868u /* flow.community-id: text */
#define PALISADE_FIELD_FLOW_ID 0x64a978b4u /* flow.id: u64s */
#define PALISADE_FIELD_FROM_VERSION 0x007592f4u /* from-version: text */
#define PALISADE_FIELD_GROUNDS 0x9fac5977u /* grounds: text */
#define PALISADE_FIELD_HARM 0xedc36a07u /* harm: text */
#define PALISADE_FIELD_HEADER_FROM 0x791d5aabu /* header-from: text */
#define PALISADE_FIELD_HELO 0x1b717653u /* helo: text */
#define PALISADE_FIELD_HOST 0xaffea56fu /* host: text */
#define PALISADE_FIELD_HTTP_METHOD 0xe22c9d69u /* http-method: text */
#define PALISADE_FIELD_HW_FINGERPRINT 0x728672e1u /* hw-fingerprint: text */
#define PALISADE_FIELD_IDENTITY_VERIFIED 0xa13dac8au /* identity-verified: u8s */
#define PALISADE_FIELD_IN_REPLY_TO 0x496050efu /* in-reply-to: text */
#define PALISADE_FIELD_INCIDENT 0x6399a267u /* incident: a record: valid, offsets or text */
#define PALISADE_FIELD_INCIDENT_AFFECTED 0xc9fb07bbu /* incident.affected: text */
#define PALISADE_FIELD_INCIDENT_IMPACT 0x3dcb2141u /* incident.impact: text */
#define PALISADE_FIELD_INCIDENT_MEASURES 0xcc223e36u /* incident.measures: text */
#define PALISADE_FIELD_INCIDENT_OVERVIEW 0x97e2bae4u /* incident.overview: text */
#define PALISADE_FIELD_INCIDENT_VECTOR 0x3a72dd98u /* incident.vector: text */
#define PALISADE_FIELD_INDICATORS 0x8a2259d7u /* indicators: a record: valid, offsets */
#define PALISADE_FIELD_INDICATORS_KIND 0x8fe12791u /* indicators.kind: u8s */
#define PALISADE_FIELD_INDICATORS_VALID_FROM 0xf3cc009au /* indicators.valid-from: u64s */
#define PALISADE_FIELD_INDICATORS_VALID_UNTIL 0xd6594fceu /* indicators.valid-until: u64s */
#define PALISADE_FIELD_INDICATORS_VALUE 0x07ccbfd8u /* indicators.value: text */
#define PALISADE_FIELD_INGEST_TIME 0x897a7359u /* ingest-time: u64s */
#define PALISADE_FIELD_ITEMS 0x3a79338fu /* items: a record: valid, offsets or text */
#define PALISADE_FIELD_ITEMS_CLASS 0x4855c1a5u /* items.class: u8s */
#define PALISADE_FIELD_ITEMS_ENCRYPTED 0x43a611b9u /* items.encrypted: u8s */
#define PALISADE_FIELD_ITEMS_MASKED 0x0e70e466u /* items.masked: u8s */
#define PALISADE_FIELD_ITEMS_NAME 0x942d94b8u /* items.name: text */
#define PALISADE_FIELD_JA4 0x87ed4060u /* ja4: text */
#define PALISADE_FIELD_KEY 0x6815c86cu /* key: text */
#define PALISADE_FIELD_KEY_FINGERPRINT 0xbb01c995u /* key-fingerprint: text */
#define PALISADE_FIELD_KNOWN_AT 0x1c5f5f86u /* known-at: u64s */
#define PALISADE_FIELD_LABELS 0xbdda148au /* labels: text */
#define PALISADE_FIELD_LATENCY_MS 0x8aa3c130u /* latency-ms: u64s */
#define PALISADE_FIELD_LEARNED_AT 0x00abbd16u /* learned-at: u64s */
#define PALISADE_FIELD_LEGAL_BASIS 0xeae5688du /* legal-basis: text */
#define PALISADE_FIELD_LIST_UNSUBSCRIBE 0x541d72b9u /* list-unsubscribe: u8s */
#define PALISADE_FIELD_MAIL_FROM 0xc41b8a91u /* mail-from: text */
#define PALISADE_FIELD_MANDATORY 0x6fc6bab8u /* mandatory: u8s */
#define PALISADE_FIELD_MECHANISM 0x4f23c9f6u /* mechanism: text */
#define PALISADE_FIELD_MFA 0xeeafd341u /* mfa: u8s */
#define PALISADE_FIELD_MIME 0x6e8c131du /* mime: text */
#define PALISADE_FIELD_MODEL 0xb08b665au /* model: text */
#define PALISADE_FIELD_NAME 0x8d39bde6u /* name: text */
#define PALISADE_FIELD_NEWEST 0xec37f2ebu /* newest: u64s */
#define PALISADE_FIELD_NOTICE 0x9860a5b1u /* notice: text */
#define PALISADE_FIELD_NOTICE_CHANNELS 0xe66333dcu /* notice-channels: text */
#define PALISADE_FIELD_NOTICE_PURPOSES 0x52c2f72bu /* notice-purposes: text */
#define PALISADE_FIELD_NOTICE_VERSION 0x1135ab88u /* notice-version: text */
#define PALISADE_FIELD_NOTIFIED_AT 0x3da37415u /* notified-at: u64s */
#define PALISADE_FIELD_OBJECT 0xb8c60cbau /* object: text */
#define PALISADE_FIELD_OBJECT_DIGEST 0xa79a4a0du /* object-digest: text */
#define PALISADE_FIELD_OBJECT_LABELS 0x287e22dau /* object-labels: text */
#define PALISADE_FIELD_OLDEST 0xd8517aceu /* oldest: u64s */
#define PALISADE_FIELD_OP 0x5f342caau /* op: text or u8s */
#define PALISADE_FIELD_OPERATION 0x533e8106u /* operation: text */
#define PALISADE_FIELD_OPT_IN 0xd5432b8eu /* opt-in: u8s */
#define PALISADE_FIELD_ORIGINAL 0xa92b8b72u /* original: text */
#define PALISADE_FIELD_OUTCOME 0x443bc533u /* outcome: u8s */
#define PALISADE_FIELD_OWNER 0xf5674cd4u /* owner: a record: valid, offsets */
#define PALISADE_FIELD_OWNER_PARTY 0x0f3b9bddu /* owner-party: a record: valid, offsets */
#define PALISADE_FIELD_OWNER_PARTY_COUNTRY 0xd2cc5ecdu /* owner-party.country: text */
#define PALISADE_FIELD_OWNER_PARTY_ID 0x29ab6b8cu /* owner-party.id: text */
#define PALISADE_FIELD_OWNER_PARTY_KIND 0x6fcdbff7u /* owner-party.kind: u8s */
#define PALISADE_FIELD_OWNER_PARTY_ROLES 0x54b28f12u /* owner-party.roles: text */
#define PALISADE_FIELD_OWNER_PARTY_VERIFIED 0x7a2749a1u /* owner-party.verified: u8s */
#define PALISADE_FIELD_OWNER_CUSTOMER 0xcd421656u /* owner.customer: text */
#define PALISADE_FIELD_OWNER_DEVICE 0x8e0e65d0u /* owner.device: text */
#define PALISADE_FIELD_OWNER_SUBSCRIBER 0xf4e7aab0u /* owner.subscriber: text */
#define PALISADE_FIELD_OWNER_USER 0x95054fa1u /* owner.user: text */
#define PALISADE_FIELD_PACKAGE_SHA256 0xc3a8f8cdu /* package-sha256: text */
#define PALISADE_FIELD_PASSWORD_AGE_DAYS 0x05d5a0feu /* password-age-days: u32s */
#define PALISADE_FIELD_PASSWORD_SCORE 0xb822bcc3u /* password-score: u8s */
#define PALISADE_FIELD_PATH 0x84874d36u /* path: text */
#define PALISADE_FIELD_PHASE 0xd98031f8u /* phase: u8s */
#define PALISADE_FIELD_PKTS_IN 0x8669e97bu /* pkts-in: u64s */
#define PALISADE_FIELD_PKTS_OUT 0xc5ec0ba8u /* pkts-out: u64s */
#define PALISADE_FIELD_PLANNED_AT 0xdbe2d79du /* planned-at: u64s */
#define PALISADE_FIELD_PLUGIN 0x13ba397au /* plugin: text */
#define PALISADE_FIELD_PRODUCTS 0x4fbee88du /* products: a record: valid, offsets */
#define PALISADE_FIELD_PRODUCTS_MODEL 0x8ac3786eu /* products.model: text */
#define PALISADE_FIELD_PRODUCTS_NAME 0x1a5d1c32u /* products.name: text */
#define PALISADE_FIELD_PRODUCTS_STATUS 0x60c19adbu /* products.status: text */
#define PALISADE_FIELD_PRODUCTS_VENDOR 0x1096633fu /* products.vendor: text */
#define PALISADE_FIELD_PRODUCTS_VERSION 0x969d14a3u /* products.version: text */
#define PALISADE_FIELD_PROTOCOL 0xfb2805b5u /* protocol: text */
#define PALISADE_FIELD_PROTOCOLS 0x260116b2u /* protocols: text */
#define PALISADE_FIELD_PUBLIC 0xcc909380u /* public: u8s */
#define PALISADE_FIELD_PUBLISHER 0xae48717fu /* publisher: a record: valid, offsets */
#define PALISADE_FIELD_PUBLISHER_COUNTRY 0x6e5f556bu /* publisher.country: text */
#define PALISADE_FIELD_PUBLISHER_ID 0x4a39dd4eu /* publisher.id: text */
#define PALISADE_FIELD_PUBLISHER_KIND 0xc9766c09u /* publisher.kind: u8s */
#define PALISADE_FIELD_PUBLISHER_ROLES 0x3399845cu /* publisher.roles: text */
#define PALISADE_FIELD_PUBLISHER_VERIFIED 0xa981b89fu /* publisher.verified: u8s */
#define PALISADE_FIELD_PURPOSE 0xfb120b01u /* purpose: text */
#define PALISADE_FIELD_QNAME 0x6b892d57u /* qname: text */
#define PALISADE_FIELD_QTYPE 0x9e80f7f4u /* qtype: text */
#define PALISADE_FIELD_QUERY 0xf8ce75e3u /* query: text */
#define PALISADE_FIELD_RCODE 0xf768af44u /* rcode: text */
#define PALISADE_FIELD_RCPT_COUNT 0x640e75a8u /* rcpt-count: u32s */
#define PALISADE_FIELD_RCPT_LOCAL 0x8c9ccaa4u /* rcpt-local: u8s */
#define PALISADE_FIELD_RCPT_TO 0xc52b6730u /* rcpt-to: text */
#define PALISADE_FIELD_REASON 0xf8a35e19u /* reason: text */
#define PALISADE_FIELD_RECIPIENT 0x0ec00b78u /* recipient: a record: valid, offsets */
#define PALISADE_FIELD_RECIPIENT_COUNTRY 0xbf969088u /* recipient.country: text */
#define PALISADE_FIELD_RECIPIENT_ID 0x969cae6fu /* recipient.id: text */
#define PALISADE_FIELD_RECIPIENT_KIND 0x9ef75634u /* recipient.kind: u8s */
#define PALISADE_FIELD_RECIPIENT_ROLES 0xaadca9c3u /* recipient.roles: text */
#define PALISADE_FIELD_RECIPIENT_VERIFIED 0x27ba8b6au /* recipient.verified: u8s */
#define PALISADE_FIELD_RECIPIENTS 0x43516251u /* recipients: a record: valid, offsets */
#define PALISADE_FIELD_RECIPIENTS_COUNTRY 0xa13e3859u /* recipients.country: text */
#define PALISADE_FIELD_RECIPIENTS_ID 0x25cc3a78u /* recipients.id: text */
#define PALISADE_FIELD_RECIPIENTS_KIND 0xa304b69bu /* recipients.kind: u8s */
#define PALISADE_FIELD_RECIPIENTS_ROLES 0xcabcb1d6u /* recipients.roles: text */
#define PALISADE_FIELD_RECIPIENTS_VERIFIED 0x2016d10du /* recipients.verified: u8s */
#define PALISADE_FIELD_RECORDS 0x261bb4adu /* records: u64s */
#define PALISADE_FIELD_REFS 0xd7ec7de3u /* refs: text */
#define PALISADE_FIELD_REFUSAL_BASIS 0x042c9b54u /* refusal-basis: text */
#define PALISADE_FIELD_RELATED_NOTICES 0x2907169cu /* related-notices: text */
#define PALISADE_FIELD_REMEDIATIONS 0xb750e7efu /* remediations: a record: valid, offsets */
#define PALISADE_FIELD_REMEDIATIONS_AVAILABLE_AT 0x33914c68u /* remediations.available-at: u64s */
#define PALISADE_FIELD_REMEDIATIONS_CATEGORY 0x3e73a7d7u /* remediations.category: u8s */
#define PALISADE_FIELD_REMEDIATIONS_URL 0x6b89f1e4u /* remediations.url: text */
#define PALISADE_FIELD_REPLY_TO 0x9a998443u /* reply-to: text */
#define PALISADE_FIELD_REPORTED_AT 0x20777248u /* reported-at: u64s */
#define PALISADE_FIELD_REPORTER 0xaff0e768u /* reporter: a record: valid, offsets */
#define PALISADE_FIELD_REPORTER_COUNT 0xc5c11566u /* reporter-count: u32s */
#define PALISADE_FIELD_REPORTER_COUNTRY 0xa2000638u /* reporter.country: text */
#define PALISADE_FIELD_REPORTER_ID 0xb493223fu /* reporter.id: text */
#define PALISADE_FIELD_REPORTER_KIND 0x5d89ffc4u /* reporter.kind: u8s */
#define PALISADE_FIELD_REPORTER_ROLES 0xc44d6af3u /* reporter.roles: text */
#define PALISADE_FIELD_REPORTER_VERIFIED 0x4ed1bdbau /* reporter.verified: u8s */
#define PALISADE_FIELD_REQ_ITEMS 0x8fd0df06u /* req-items: a record: valid, offsets */
#define PALISADE_FIELD_REQ_ITEMS_CLASS 0x0818ddf0u /* req-items.class: u8s */
#define PALISADE_FIELD_REQ_ITEMS_ENCRYPTED 0x6efe71b8u /* req-items.encrypted: u8s */
#define PALISADE_FIELD_REQ_ITEMS_MASKED 0x218f7dd1u /* req-items.masked: u8s */
#define PALISADE_FIELD_REQ_ITEMS_NAME 0x05e8245bu /* req-items.name: text */
#define PALISADE_FIELD_REQUEST 0x3eaa09b2u /* request: text */
#define PALISADE_FIELD_REQUIREMENTS 0x01987941u /* requirements: text */
#define PALISADE_FIELD_RESP_ITEMS 0x0770f78eu /* resp-items: a record: valid, offsets */
#define PALISADE_FIELD_RESP_ITEMS_CLASS 0xb877e678u /* resp-items.class: u8s */
#define PALISADE_FIELD_RESP_ITEMS_ENCRYPTED 0xd35cd570u /* resp-items.encrypted: u8s */
#define PALISADE_FIELD_RESP_ITEMS_MASKED 0xab1e17b9u /* resp-items.masked: u8s */
#define PALISADE_FIELD_RESP_ITEMS_NAME 0x2e85a863u /* resp-items.name: text */
#define PALISADE_FIELD_RESP_MIME 0xdad4ab22u /* resp-mime: text */
#define PALISADE_FIELD_RESP_SHA256 0x7ec51ffdu /* resp-sha256: text */
#define PALISADE_FIELD_RETRACTED 0x239891b7u /* retracted: u8s */
#define PALISADE_FIELD_RETURN_PATH 0x3bc32fbdu /* return-path: text */
#define PALISADE_FIELD_REVISION 0xb7960e18u /* revision: u32s */
#define PALISADE_FIELD_REVOKED 0xb4e706f5u /* revoked: u8s */
#define PALISADE_FIELD_RISK_TIER 0x2791ca89u /* risk-tier: u8s */
#define PALISADE_FIELD_ROLE 0x0fff3219u /* role: u8s */
#define PALISADE_FIELD_RULE 0xfc2e40d3u /* rule: text */
#define PALISADE_FIELD_SAFETY_CRITICAL 0xf3bf942bu /* safety-critical: u8s */
#define PALISADE_FIELD_SCAN_FAMILY 0x8ec29317u /* scan-family: text */
#define PALISADE_FIELD_SCAN_VERDICT 0xe2182978u /* scan-verdict: text */
#define PALISADE_FIELD_SCHEME 0x567d0982u /* scheme: text */
#define PALISADE_FIELD_SCOPE 0xbe2af3ebu /* scope: text */
#define PALISADE_FIELD_SCORES 0xc6e11a12u /* scores: a record: valid, offsets */
#define PALISADE_FIELD_SCORES_LABEL 0xb4225572u /* scores.label: text */
#define PALISADE_FIELD_SCORES_VALUE 0x5d45cb2du /* scores.value: f64s */
#define PALISADE_FIELD_SECURE_BOOT 0xae95e1bbu /* secure-boot: u8s */
#define PALISADE_FIELD_SECURITY_LEAD 0x48364450u /* security-lead: text */
#define PALISADE_FIELD_SENDER 0x9f5eeb64u /* sender: a record: valid, offsets */
#define PALISADE_FIELD_SENDER_COUNTRY 0xd99e594cu /* sender.country: text */
#define PALISADE_FIELD_SENDER_ID 0x30d09883u /* sender.id: text */
#define PALISADE_FIELD_SENDER_KIND 0xc91cab70u /* sender.kind: u8s */
#define PALISADE_FIELD_SENDER_ROLES 0xc1e4c5efu /* sender.roles: text */
#define PALISADE_FIELD_SENDER_VERIFIED 0xb054cdceu /* sender.verified: u8s */
#define PALISADE_FIELD_SEQ 0xc9270bbcu /* seq: u64s */
#define PALISADE_FIELD_SERVER_CERT 0xbc83910bu /* server-cert: a record: valid, offsets */
#define PALISADE_FIELD_SERVER_CERT_ISSUER 0xc1933b14u /* server-cert.issuer: text */
#define PALISADE_FIELD_SERVER_CERT_NOT_AFTER 0x41553ecfu /* server-cert.not-after: u64s */
#define PALISADE_FIELD_SERVER_CERT_NOT_BEFORE 0x883419c0u /* server-cert.not-before: u64s */
#define PALISADE_FIELD_SERVER_CERT_SELF_SIGNED 0x2db4bd5cu /* server-cert.self-signed: u8s */
#define PALISADE_FIELD_SERVER_CERT_SHA256 0x3f5fdd50u /* server-cert.sha256: text */
#define PALISADE_FIELD_SERVER_CERT_SUBJECT 0xec2d245du /* server-cert.subject: text */
#define PALISADE_FIELD_SESSION 0xc35f4cf7u /* session: text */
#define PALISADE_FIELD_SEVERITY 0x8ffc4fb2u /* severity: u8s */
#define PALISADE_FIELD_SHA256 0x9cd435fau /* sha256: text */
#define PALISADE_FIELD_SIGNATURE 0x5fab696du /* signature: a record: valid, offsets or text */
#define PALISADE_FIELD_SIGNATURE_ID 0xeb1733bdu /* signature-id: text */
#define PALISADE_FIELD_SIGNATURE_ALG 0x820a8511u /* signature.alg: text */
#define PALISADE_FIELD_SIGNATURE_PRESENT 0x32566c68u /* signature.present: u8s */
#define PALISADE_FIELD_SIGNATURE_SIGNER 0x9f69269fu /* signature.signer: text */
#define PALISADE_FIELD_SIGNATURE_VALID 0x09fdb575u /* signature.valid: u8s */
#define PALISADE_FIELD_SIZE 0x23a0d95cu /* size: u64s */
#define PALISADE_FIELD_SNI 0xc133cb17u /* sni: text */
#define PALISADE_FIELD_SOURCE 0x1bcf29d8u /* source: text */
#define PALISADE_FIELD_SOURCE_RELIABILITY 0xb2a0b961u /* source-reliability: text */
#define PALISADE_FIELD_SOURCE_URL 0xe36304a8u /* source-url: text */
#define PALISADE_FIELD_SPF 0xd64163b0u /* spf: text */
#define PALISADE_FIELD_SRC 0xd33ce1c9u /* src: a record: valid, offsets */
#define PALISADE_FIELD_SRC_ASN 0x4d62e5b9u /* src.asn: u32s */
#define PALISADE_FIELD_SRC_COUNTRY 0x68567231u /* src.country: text */
#define PALISADE_FIELD_SRC_IP 0x56b5a53cu /* src.ip: addresses */
#define PALISADE_FIELD_SRC_PORT 0x04e76e86u /* src.port: u16s */
#define PALISADE_FIELD_STARTED 0x80595b9eu /* started: u64s */
#define PALISADE_FIELD_STATUS 0xba4b77efu /* status: u16s or u8s or text */
#define PALISADE_FIELD_SUBJECT 0x891cfe4fu /* subject: text */
#define PALISADE_FIELD_SUBJECT_KIND 0xf996e168u /* subject-kind: u8s */
#define PALISADE_FIELD_SUBJECTS 0x14a43874u /* subjects: text */
#define PALISADE_FIELD_SUBSCRIBER 0xe72f2fe3u /* subscriber: text */
#define PALISADE_FIELD_SUBTYPE 0x78a1db3du /* subtype: text */
#define PALISADE_FIELD_SUMMARY 0x10a44713u /* summary: text */
#define PALISADE_FIELD_SYN_ONLY_PKTS 0x08e3b769u /* syn-only-pkts: u64s */
#define PALISADE_FIELD_TARGET 0x32608848u /* target: text */
#define PALISADE_FIELD_TARGET_AGE 0x134217a6u /* target-age: u8s */
#define PALISADE_FIELD_TARGETS 0x88f674e1u /* targets: text */
#define PALISADE_FIELD_TENANT 0xf9e185a5u /* tenant: text */
#define PALISADE_FIELD_TICKET 0x6517b3e5u /* ticket: text */
#define PALISADE_FIELD_TIME 0x5d3c9be4u /* time: u64s */
#define PALISADE_FIELD_TIMER 0x5c68ed22u /* timer: text */
#define PALISADE_FIELD_TLP 0xb917b457u /* tlp: u8s */
#define PALISADE_FIELD_TO_VERSION 0xd5d2ffe5u /* to-version: text */
#define PALISADE_FIELD_TRANSPORT 0xd32f6312u /* transport: u8s */
#define PALISADE_FIELD_UPSTREAM 0x13357fc0u /* upstream: a record: valid, offsets */
#define PALISADE_FIELD_UPSTREAM_COUNTRY 0x21988730u /* upstream.country: text */
#define PALISADE_FIELD_UPSTREAM_ID 0xf7314827u /* upstream.id: text */
#define PALISADE_FIELD_UPSTREAM_KIND 0xdf7d0cccu /* upstream.kind: u8s */
#define PALISADE_FIELD_UPSTREAM_ROLES 0xfa83c9fbu /* upstream.roles: text */
#define PALISADE_FIELD_UPSTREAM_VERIFIED 0x32732092u /* upstream.verified: u8s */
#define PALISADE_FIELD_URGENCY 0xf3a31974u /* urgency: u8s */
#define PALISADE_FIELD_URL 0x328f4c1eu /* url: text */
#define PALISADE_FIELD_URLS 0x04954f97u /* urls: text */
#define PALISADE_FIELD_USER 0x60785ef2u /* user: text */
#define PALISADE_FIELD_USER_ACTION_NEEDED 0xe608bd3fu /* user-action-needed: u8s */
#define PALISADE_FIELD_USER_AGENT 0x24259beeu /* user-agent: text */
#define PALISADE_FIELD_VENDOR 0x97b0c453u /* vendor: text */
#define PALISADE_FIELD_VERIFIED_AT 0x5b84afbdu /* verified-at: u64s */
#define PALISADE_FIELD_VERIFIED_TRUE 0xbe097070u /* verified-true: u8s */
#define PALISADE_FIELD_VERSION 0x4671ae97u /* version: text */
#define PALISADE_FIELD_VULN 0xabde37d2u /* vuln: text */
#define PALISADE_FIELD_VULNS 0x2fd19273u /* vulns: text */

#define PALISADE_KIND_NETWORK_FLOW 0
#define PALISADE_KIND_NETWORK_DNS 1
#define PALISADE_KIND_NETWORK_HTTP 2
#define PALISADE_KIND_NETWORK_TLS 3
#define PALISADE_KIND_NETWORK_MAIL 4
#define PALISADE_KIND_NETWORK_FILE 5
#define PALISADE_KIND_NETWORK_ACCOUNT 6
#define PALISADE_KIND_DEVICE_REGISTRATION 7
#define PALISADE_KIND_DEVICE_AUTH 8
#define PALISADE_KIND_DEVICE_TELEMETRY 9
#define PALISADE_KIND_DEVICE_COMMAND 10
#define PALISADE_KIND_DEVICE_FIRMWARE 11
#define PALISADE_KIND_DEVICE_UPDATE 12
#define PALISADE_KIND_DEVICE_SECURITY 13
#define PALISADE_KIND_REPORT_VULNERABILITY 14
#define PALISADE_KIND_REPORT_DISCLOSURE 15
#define PALISADE_KIND_REPORT_INTEL 16
#define PALISADE_KIND_REPORT_INCIDENT 17
#define PALISADE_KIND_REPORT_ABUSE 18
#define PALISADE_KIND_REPORT_PI_REQUEST 19
#define PALISADE_KIND_REPORT_PI_PROCESSING 20
#define PALISADE_KIND_REPORT_CONTENT 21
#define PALISADE_KIND_REPORT_FILING 22
#define PALISADE_KIND_CONTROL_TIMER 23
#define PALISADE_KIND_CONTROL_OPS 24
#define PALISADE_KIND_NETWORK_APP 25
#define PALISADE_KIND_DEVICE_MESSAGE 26
#define PALISADE_KIND_NETWORK_ALERT 27
#define PALISADE_KIND_FINDING 28

#define PALISADE_SEVERITY_INFO 0
#define PALISADE_SEVERITY_LOW 1
#define PALISADE_SEVERITY_MEDIUM 2
#define PALISADE_SEVERITY_HIGH 3
#define PALISADE_SEVERITY_CRITICAL 4

#define PALISADE_TLP_CLEAR 0
#define PALISADE_TLP_GREEN 1
#define PALISADE_TLP_AMBER 2
#define PALISADE_TLP_AMBER_STRICT 3
#define PALISADE_TLP_RED 4

#define PALISADE_TRANSPORT_TCP 0
#define PALISADE_TRANSPORT_UDP 1
#define PALISADE_TRANSPORT_ICMP 2
#define PALISADE_TRANSPORT_OTHER 3

#define PALISADE_DIRECTION_INBOUND 0
#define PALISADE_DIRECTION_OUTBOUND 1
#define PALISADE_DIRECTION_LATERAL 2
#define PALISADE_DIRECTION_UNKNOWN 3

#define PALISADE_OUTCOME_SUCCESS 0
#define PALISADE_OUTCOME_FAILURE 1
#define PALISADE_OUTCOME_ACCEPTED 2
#define PALISADE_OUTCOME_REJECTED 3
#define PALISADE_OUTCOME_UNKNOWN 4

#define PALISADE_DATA_CLASS_PUBLIC 0
#define PALISADE_DATA_CLASS_INTERNAL 1
#define PALISADE_DATA_CLASS_PERSONAL 2
#define PALISADE_DATA_CLASS_SENSITIVE 3

#define PALISADE_AGE_BAND_ADULT 0
#define PALISADE_AGE_BAND_MINOR 1
#define PALISADE_AGE_BAND_UNKNOWN 2

#define PALISADE_ACTOR_ROLE_USER 0
#define PALISADE_ACTOR_ROLE_STAFF 1
#define PALISADE_ACTOR_ROLE_SERVICE 2
#define PALISADE_ACTOR_ROLE_DEVICE 3
#define PALISADE_ACTOR_ROLE_PLATFORM 4

#define PALISADE_ACCOUNT_ACTION_REGISTER 0
#define PALISADE_ACCOUNT_ACTION_LOGIN 1
#define PALISADE_ACCOUNT_ACTION_LOGOUT 2
#define PALISADE_ACCOUNT_ACTION_PASSWORD_CHANGE 3
#define PALISADE_ACCOUNT_ACTION_PROFILE_CHANGE 4
#define PALISADE_ACCOUNT_ACTION_DATA_ACCESS 5
#define PALISADE_ACCOUNT_ACTION_DATA_EXPORT 6

#define PALISADE_SECURE_BOOT_ENABLED 0
#define PALISADE_SECURE_BOOT_DISABLED 1
#define PALISADE_SECURE_BOOT_UNSUPPORTED 2
#define PALISADE_SECURE_BOOT_UNKNOWN 3

#define PALISADE_UPDATE_PHASE_OFFERED 0
#define PALISADE_UPDATE_PHASE_DOWNLOADED 1
#define PALISADE_UPDATE_PHASE_VERIFIED 2
#define PALISADE_UPDATE_PHASE_INSTALLED 3
#define PALISADE_UPDATE_PHASE_FAILED 4
#define PALISADE_UPDATE_PHASE_ROLLED_BACK 5

#define PALISADE_VULN_PHASE_RECEIVED 0
#define PALISADE_VULN_PHASE_DISCOVERED 1
#define PALISADE_VULN_PHASE_VERIFIED 2
#define PALISADE_VULN_PHASE_ASSESSED 3
#define PALISADE_VULN_PHASE_REJECTED 4
#define PALISADE_VULN_PHASE_UPSTREAM_NOTIFIED 5
#define PALISADE_VULN_PHASE_REPORTED_AUTHORITY 6
#define PALISADE_VULN_PHASE_FIX_AVAILABLE 7
#define PALISADE_VULN_PHASE_USERS_NOTIFIED 8
#define PALISADE_VULN_PHASE_FIXED 9
#define PALISADE_VULN_PHASE_PUBLISHED 10

#define PALISADE_VULN_ROLE_PROVIDER 0
#define PALISADE_VULN_ROLE_OPERATOR 1
#define PALISADE_VULN_ROLE_FINDER 2
#define PALISADE_VULN_ROLE_PLATFORM 3

#define PALISADE_REMEDIATION_CATEGORY_VENDOR_FIX 0
#define PALISADE_REMEDIATION_CATEGORY_MITIGATION 1
#define PALISADE_REMEDIATION_CATEGORY_WORKAROUND 2
#define PALISADE_REMEDIATION_CATEGORY_NONE_AVAILABLE 3
#define PALISADE_REMEDIATION_CATEGORY_NO_FIX_PLANNED 4

#define PALISADE_DISCLOSURE_ACTION_PUBLISH 0
#define PALISADE_DISCLOSURE_ACTION_SHARE 1
#define PALISADE_DISCLOSURE_ACTION_INTERNAL_USE 2
#define PALISADE_DISCLOSURE_ACTION_SELL 3
#define PALISADE_DISCLOSURE_ACTION_ASSIST 4
#define PALISADE_DISCLOSURE_ACTION_HAND_OVER 5
#define PALISADE_DISCLOSURE_ACTION_BUILD_PACK 6

#define PALISADE_SUBJECT_KIND_VULNERABILITY 0
#define PALISADE_SUBJECT_KIND_THREAT_INTEL 1
#define PALISADE_SUBJECT_KIND_PERSONAL_INFO 2
#define PALISADE_SUBJECT_KIND_CUSTOMER_INFO 3
#define PALISADE_SUBJECT_KIND_RULE_PACK 4
#define PALISADE_SUBJECT_KIND_EXPLOIT 5
#define PALISADE_SUBJECT_KIND_INCIDENT 6

#define PALISADE_AUDIENCE_OPEN 0
#define PALISADE_AUDIENCE_NAMED 1
#define PALISADE_AUDIENCE_INTERNAL 2

#define PALISADE_CONTENT_FLAG_EXPLOIT_CODE 0
#define PALISADE_CONTENT_FLAG_PROOF_OF_CONCEPT 1
#define PALISADE_CONTENT_FLAG_DETECTION_SIGNATURE 2
#define PALISADE_CONTENT_FLAG_OPERATOR_IN_USE_DETAIL 3
#define PALISADE_CONTENT_FLAG_PAYMENT_DEMAND 4
#define PALISADE_CONTENT_FLAG_COUNTERPART_ENVIRONMENT 5
#define PALISADE_CONTENT_FLAG_INTEL_DERIVED_DATA 6

#define PALISADE_INTEL_CLASS_IOC 0
#define PALISADE_INTEL_CLASS_INCIDENT 1
#define PALISADE_INTEL_CLASS_NOVEL 2
#define PALISADE_INTEL_CLASS_WARNING 3
#define PALISADE_INTEL_CLASS_OTHER 4

#define PALISADE_URGENCY_MAJOR_URGENT 0
#define PALISADE_URGENCY_ORDINARY 1

#define PALISADE_INDICATOR_KIND_IPV4 0
#define PALISADE_INDICATOR_KIND_IPV6 1
#define PALISADE_INDICATOR_KIND_DOMAIN 2
#define PALISADE_INDICATOR_KIND_URL 3
#define PALISADE_INDICATOR_KIND_SHA256 4
#define PALISADE_INDICATOR_KIND_EMAIL 5

#define PALISADE_INCIDENT_PHASE_SUSPECTED 0
#define PALISADE_INCIDENT_PHASE_CONFIRMED 1
#define PALISADE_INCIDENT_PHASE_PLAN_ACTIVATED 2
#define PALISADE_INCIDENT_PHASE_CONTAINED 3
#define PALISADE_INCIDENT_PHASE_EVIDENCE_PRESERVED 4
#define PALISADE_INCIDENT_PHASE_AUTHORITY_NOTIFIED 5
#define PALISADE_INCIDENT_PHASE_USERS_NOTIFIED 6
#define PALISADE_INCIDENT_PHASE_COUNTERPART_NOTIFIED 7
#define PALISADE_INCIDENT_PHASE_INVESTIGATION_REQUESTED 8
#define PALISADE_INCIDENT_PHASE_ASSISTANCE_GIVEN 9
#define PALISADE_INCIDENT_PHASE_CLOSED 10

#define PALISADE_ABUSE_PHASE_RECEIVED 0
#define PALISADE_ABUSE_PHASE_CONFIRMED 1
#define PALISADE_ABUSE_PHASE_WARNED 2
#define PALISADE_ABUSE_PHASE_WARNING_RECEIVED 3
#define PALISADE_ABUSE_PHASE_RECTIFYING 4
#define PALISADE_ABUSE_PHASE_RECTIFIED 5
#define PALISADE_ABUSE_PHASE_VERIFIED 6
#define PALISADE_ABUSE_PHASE_LIFTED 7
#define PALISADE_ABUSE_PHASE_DISMISSED 8

#define PALISADE_CONTENT_PHASE_POSTED 0
#define PALISADE_CONTENT_PHASE_REPORTED 1
#define PALISADE_CONTENT_PHASE_REVIEWED 2
#define PALISADE_CONTENT_PHASE_REMOVED 3

#define PALISADE_PI_OP_COLLECT 0
#define PALISADE_PI_OP_STORE 1
#define PALISADE_PI_OP_PROCESS 2
#define PALISADE_PI_OP_TRANSFER 3
#define PALISADE_PI_OP_PROVIDE 4
#define PALISADE_PI_OP_DISCLOSE 5
#define PALISADE_PI_OP_DELETE 6

#define PALISADE_PI_REQUEST_OP_ACCESS 0
#define PALISADE_PI_REQUEST_OP_CORRECT 1
#define PALISADE_PI_REQUEST_OP_ERASE 2
#define PALISADE_PI_REQUEST_OP_EXPLAIN 3
#define PALISADE_PI_REQUEST_OP_COMPLAIN 4

#define PALISADE_REQUEST_PHASE_RECEIVED 0
#define PALISADE_REQUEST_PHASE_FULFILLED 1
#define PALISADE_REQUEST_PHASE_REFUSED 2

#define PALISADE_PARTY_KIND_PERSON 0
#define PALISADE_PARTY_KIND_ORGANISATION 1
#define PALISADE_PARTY_KIND_AFFILIATE 2
#define PALISADE_PARTY_KIND_AUTHORITY 3
#define PALISADE_PARTY_KIND_PLATFORM 4

#define PALISADE_CONSENT_KIND_WRITTEN_CONSENT 0
#define PALISADE_CONSENT_KIND_USER_CONSENT 1
#define PALISADE_CONSENT_KIND_GUARDIAN_CONSENT 2
#define PALISADE_CONSENT_KIND_REGULATOR_CONSENT 3
#define PALISADE_CONSENT_KIND_REGULATOR_REPORT 4
#define PALISADE_CONSENT_KIND_JOINT_ASSESSMENT 5
#define PALISADE_CONSENT_KIND_LEGAL_DEMAND 6
#define PALISADE_CONSENT_KIND_NOTICE_TO_SOURCE 7
#define PALISADE_CONSENT_KIND_APPROVAL 8

#define PALISADE_FILING_STATUS_VALID 0
#define PALISADE_FILING_STATUS_PENDING 1
#define PALISADE_FILING_STATUS_NONE 2
#define PALISADE_FILING_STATUS_REVOKED 3

#define PALISADE_OP_KIND_PACK_SWAP 0
#define PALISADE_OP_KIND_PACK_LOAD 1
#define PALISADE_OP_KIND_IOC_APPLIED 2
#define PALISADE_OP_KIND_LOG_PURGE 3
#define PALISADE_OP_KIND_BLOCK 4
#define PALISADE_OP_KIND_UNBLOCK 5
#define PALISADE_OP_KIND_EMERGENCY_MEASURE 6
#define PALISADE_OP_KIND_EVIDENCE_HOLD 7
#define PALISADE_OP_KIND_CHANNEL_PROBE 8
#define PALISADE_OP_KIND_SCAN_DONE 9
#define PALISADE_OP_KIND_AUDIT_DONE 10
#define PALISADE_OP_KIND_TRAINING_DONE 11
#define PALISADE_OP_KIND_UPDATE_RELEASED 12
#define PALISADE_OP_KIND_UPDATE_NOTIFIED 13
#define PALISADE_OP_KIND_ALERT_EMITTED 14
#define PALISADE_OP_KIND_KEY_OPERATION 15
#define PALISADE_OP_KIND_AUDIT_GAP 16
#define PALISADE_OP_KIND_KEY_ROTATION 17
#define PALISADE_OP_KIND_COUNTERPARTY_NOTICE 18

#define PALISADE_FLOW_PHASE_START 0
#define PALISADE_FLOW_PHASE_RECOGNISED 1
#define PALISADE_FLOW_PHASE_UPDATE 2
#define PALISADE_FLOW_PHASE_END 3

#define PALISADE_MESSAGE_DIRECTION_REQUEST 0
#define PALISADE_MESSAGE_DIRECTION_RESPONSE 1
#define PALISADE_MESSAGE_DIRECTION_UNKNOWN 2

#define PALISADE_ALERT_ACTION_ALLOWED 0
#define PALISADE_ALERT_ACTION_BLOCKED 1
#define PALISADE_ALERT_ACTION_UNKNOWN 2

#define PALISADE_BLOCK_SCOPE_SOURCE 0
#define PALISADE_BLOCK_SCOPE_DESTINATION 1
#define PALISADE_BLOCK_SCOPE_PROPAGATION_PATH 2
#define PALISADE_BLOCK_SCOPE_PORT 3
#define PALISADE_BLOCK_SCOPE_ACCOUNT 4
#define PALISADE_BLOCK_SCOPE_SITE 5
#define PALISADE_BLOCK_SCOPE_SESSION 6

#endif
