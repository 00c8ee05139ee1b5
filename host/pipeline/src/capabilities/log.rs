//! Messages of guests.

use std::sync::Arc;

use palisade_runtime::LogLevel;

/// Takes the messages of plugins: name, level, and text that is safe to show.
pub type LogSink = Arc<dyn Fn(&str, LogLevel, &str) + Send + Sync>;
