//! The attributes of a Detection Finding that are used here. Documentation of each is the
//! schema's.

use palisade_events::{Action, Attributes, Citation, Digest, Tlp};
use serde::{Serialize, Serializer};

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

/// `activity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Activity {
    /// Nothing with this uid was open.
    Create = 1,
    /// The same rule about the same subject again.
    Update = 2,
    /// It is withdrawn.
    Close = 3,
}

impl Activity {
    /// `activity_name`.
    pub fn name(self) -> &'static str {
        match self {
            Activity::Create => "Create",
            Activity::Update => "Update",
            Activity::Close => "Close",
        }
    }

    pub(super) fn type_name(self) -> &'static str {
        match self {
            Activity::Create => "Detection Finding: Create",
            Activity::Update => "Detection Finding: Update",
            Activity::Close => "Detection Finding: Close",
        }
    }

    /// `status_id` and `status`.
    pub(super) fn status(self) -> (u8, &'static str) {
        match self {
            Activity::Create | Activity::Update => (1, "New"),
            Activity::Close => (4, "Resolved"),
        }
    }
}

impl Serialize for Activity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// A Detection Finding, to be serialised as one JSON object.
#[derive(Debug, Serialize)]
pub struct DetectionFinding<'a> {
    pub(super) category_uid: u8,
    pub(super) category_name: &'static str,
    pub(super) class_uid: u16,
    pub(super) class_name: &'static str,
    pub(super) activity_id: Activity,
    pub(super) activity_name: &'static str,
    pub(super) type_uid: u32,
    pub(super) type_name: &'static str,
    /// Milliseconds since the Unix epoch.
    pub(super) time: u64,
    pub(super) severity_id: u8,
    pub(super) severity: &'static str,
    pub(super) status_id: u8,
    pub(super) status: &'static str,
    pub(super) is_alert: bool,
    pub(super) message: &'a str,
    pub(super) metadata: Metadata<'a>,
    pub(super) finding_info: FindingInfo<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidences: Option<[Evidence<'a>; 1]>,
    pub(super) observables: [Observable<'a>; 1],
    pub(super) resources: [Resource<'a>; 1],
    pub(super) unmapped: Unmapped<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Metadata<'a> {
    pub(super) version: &'static str,
    pub(super) product: Product,
    pub(super) uid: Digest,
    pub(super) tenant_uid: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) labels: &'a [String],
    pub(super) original_time: String,
    pub(super) event_code: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Product {
    pub(super) name: &'static str,
    pub(super) vendor_name: &'static str,
    pub(super) version: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct FindingInfo<'a> {
    pub(super) uid: Digest,
    pub(super) title: &'a str,
    pub(super) desc: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) types: &'a [String],
    pub(super) analytic: Analytic<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attacks: Vec<Attack<'a>>,
    pub(super) first_seen_time: u64,
    pub(super) last_seen_time: u64,
    pub(super) related_events_count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) related_events: Vec<RelatedEvent>,
}

#[derive(Debug, Serialize)]
pub(super) struct Analytic<'a> {
    pub(super) uid: &'a str,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<&'a str>,
    pub(super) type_id: u8,
    pub(super) r#type: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Attack<'a> {
    pub(super) technique: Technique<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_technique: Option<Technique<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Technique<'a> {
    pub(super) uid: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct RelatedEvent {
    uid: String,
}

impl RelatedEvent {
    pub(super) fn new(cited: &Citation) -> RelatedEvent {
        let reference = || format!("event-ref:{:016x}", cited.event_ref);
        RelatedEvent {
            uid: cited.id.map_or_else(reference, |id| id.to_string()),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Evidence<'a> {
    data: &'a Attributes,
}

impl<'a> Evidence<'a> {
    pub(super) fn of(details: &'a Attributes) -> Option<[Evidence<'a>; 1]> {
        (!details.is_empty()).then_some([Evidence { data: details }])
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Observable<'a> {
    pub(super) name: &'static str,
    pub(super) type_id: u8,
    pub(super) r#type: &'a str,
    pub(super) value: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Resource<'a> {
    pub(super) uid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hostname: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Unmapped<'a> {
    pub(super) palisade: Own<'a>,
}

/// What has no attribute of its own.
#[derive(Debug, Serialize)]
pub(super) struct Own<'a> {
    pub(super) plugin: &'a str,
    pub(super) pack: &'a str,
    pub(super) digest: Digest,
    pub(super) rule: &'a str,
    pub(super) subject: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) references: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) actions: &'a [Action],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tlp: Option<Tlp>,
}
