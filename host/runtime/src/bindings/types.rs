//! The records and variants of the interfaces, apart from the kinds of event.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(ComponentType, Lower, Lift, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Severity {
    #[component(name = "info")]
    Info,
    #[component(name = "low")]
    Low,
    #[component(name = "medium")]
    Medium,
    #[component(name = "high")]
    High,
    #[component(name = "critical")]
    Critical,
}

#[derive(ComponentType, Lower, Lift, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Transport {
    #[component(name = "tcp")]
    Tcp,
    #[component(name = "udp")]
    Udp,
    #[component(name = "icmp")]
    Icmp,
    #[component(name = "other")]
    Other,
}

#[derive(ComponentType, Lower, Lift, Clone, Debug)]
#[component(variant)]
pub(crate) enum AttributeValue {
    #[component(name = "text")]
    Text(String),
    #[component(name = "number")]
    Number(f64),
}

#[derive(ComponentType, Lower, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: AttributeValue,
}

// batch

#[derive(ComponentType, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct TextColumn {
    pub(crate) offsets: Arc<[u32]>,
    pub(crate) bytes: Arc<[u8]>,
}

#[derive(ComponentType, Lift, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Part {
    #[component(name = "values")]
    Values,
    #[component(name = "text-offsets")]
    TextOffsets,
    #[component(name = "offsets")]
    Offsets,
    #[component(name = "valid")]
    Valid,
}

// plugin

#[derive(ComponentType, Lower, Clone, Debug, PartialEq)]
#[component(variant)]
pub(crate) enum SettingValue {
    #[component(name = "text")]
    Text(String),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "number")]
    Number(f64),
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "texts")]
    Texts(Vec<String>),
}

#[derive(ComponentType, Lower, Clone, Debug, PartialEq)]
#[component(record)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: SettingValue,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct SettingsRefusal {
    pub(crate) name: String,
    pub(crate) message: String,
}

// findings

#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum BlockScope {
    #[component(name = "source")]
    Source,
    #[component(name = "destination")]
    Destination,
    #[component(name = "propagation-path")]
    PropagationPath,
    #[component(name = "port")]
    Port,
    #[component(name = "account")]
    Account,
    #[component(name = "site")]
    Site,
    #[component(name = "session")]
    Session,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct ApprovalAsk {
    #[component(name = "approver-role")]
    pub(crate) approver_role: String,
    pub(crate) question: String,
    pub(crate) expires: Option<u64>,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct Obligation {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) duty: String,
    pub(crate) due: u64,
    #[component(name = "on-expiry")]
    pub(crate) on_expiry: String,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(variant)]
pub(crate) enum Action {
    #[component(name = "block")]
    Block(Vec<BlockScope>),
    #[component(name = "quarantine")]
    Quarantine(String),
    #[component(name = "lift")]
    Lift(String),
    #[component(name = "require-approval")]
    RequireApproval(ApprovalAsk),
    #[component(name = "escalate")]
    Escalate(String),
    #[component(name = "open-obligation")]
    OpenObligation(Obligation),
    #[component(name = "discharge-obligation")]
    DischargeObligation(String),
    #[component(name = "hold-evidence")]
    HoldEvidence,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) subject: String,
    pub(crate) summary: String,
    pub(crate) rows: Vec<u32>,
    pub(crate) events: Vec<u64>,
    pub(crate) details: Vec<Attribute>,
    pub(crate) actions: Vec<Action>,
}

// decide

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(variant)]
pub(crate) enum Verdict {
    #[component(name = "permit")]
    Permit,
    #[component(name = "redact")]
    Redact(Vec<String>),
    #[component(name = "require-approval")]
    RequireApproval(Vec<ApprovalAsk>),
    #[component(name = "deny")]
    Deny,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct Judgement {
    pub(crate) rule: String,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) obligations: Vec<Obligation>,
    pub(crate) events: Vec<u64>,
}

// timers

#[derive(ComponentType, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Fired {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) due: u64,
}

// datasets

#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct Hit {
    pub(crate) row: u32,
    pub(crate) entry: u32,
}

#[derive(ComponentType, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Entry {
    pub(crate) kind: String,
    pub(crate) value: String,
    #[component(name = "valid-from")]
    pub(crate) valid_from: Option<u64>,
    #[component(name = "valid-until")]
    pub(crate) valid_until: Option<u64>,
    pub(crate) attributes: Vec<Attribute>,
}

// log

#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

// parse

#[derive(ComponentType, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum ChunkDirection {
    #[component(name = "to-server")]
    ToServer,
    #[component(name = "to-client")]
    ToClient,
}

#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct Chunk {
    pub(crate) session: u32,
    pub(crate) direction: ChunkDirection,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) offset: u64,
    pub(crate) gap: u32,
    pub(crate) end: bool,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

#[derive(ComponentType, Lift, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Recognition {
    #[component(name = "no")]
    No,
    #[component(name = "yes")]
    Yes,
    #[component(name = "more")]
    More,
}

#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(record)]
pub(crate) struct Incomplete {
    pub(crate) kept: u32,
    pub(crate) needed: u32,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct ParseError {
    pub(crate) offset: u32,
    pub(crate) message: String,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(variant)]
pub(crate) enum Outcome {
    #[component(name = "done")]
    Done,
    #[component(name = "incomplete")]
    Incomplete(Incomplete),
    #[component(name = "error")]
    Error(ParseError),
    #[component(name = "handover")]
    Handover(u32),
}

/// `text-column` on its way in.
#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct ParsedText {
    pub(crate) offsets: Vec<u32>,
    pub(crate) bytes: Vec<u8>,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(variant)]
pub(crate) enum Values {
    #[component(name = "u8s")]
    U8s(Vec<u8>),
    #[component(name = "u16s")]
    U16s(Vec<u16>),
    #[component(name = "u32s")]
    U32s(Vec<u32>),
    #[component(name = "u64s")]
    U64s(Vec<u64>),
    #[component(name = "f64s")]
    F64s(Vec<f64>),
    #[component(name = "text")]
    Text(ParsedText),
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct Column {
    pub(crate) field: u32,
    pub(crate) attribute: String,
    pub(crate) valid: Vec<u8>,
    pub(crate) offsets: Vec<u32>,
    pub(crate) values: Values,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct Table {
    pub(crate) kind: super::rows::KindCode,
    pub(crate) chunks: Vec<u32>,
    pub(crate) columns: Vec<Column>,
}

#[derive(ComponentType, Lift, Clone, Debug)]
#[component(record)]
pub(crate) struct Parsed {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) tables: Vec<Table>,
}
