//! Everything that follows from the WIT package: enums, records, kinds, field tables.

use crate::attributes::Attributes;
use crate::columnar::{ColumnBuilder, Columnar};
use crate::field::{FieldId, FieldInfo, FieldType};
use crate::json::{Cx, Json, Order, Record};
use crate::macros::{BodyVisitor, NewBodyVisitor};
use crate::mask::Mask;
use crate::scalar::{Bytes, IpAddress, Timestamp};

include!(concat!(env!("OUT_DIR"), "/types.rs"));
