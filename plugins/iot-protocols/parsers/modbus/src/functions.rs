//! Function and exception codes of the Modbus Application Protocol V1.1b3.

/// What a function does to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads data.
    Read,
    /// Writes data.
    Write,
    /// Does both in one message.
    ReadWrite,
    /// Diagnoses, restarts or silences the device.
    Diagnostic,
    /// Not known: a function that the specification leaves to vendors, or none.
    Unknown,
}

impl Access {
    /// As the attribute `modbus.access` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read-write",
            Self::Diagnostic => "diagnostic",
            Self::Unknown => "unknown",
        }
    }
}

/// Name and effect of a function code without its exception bit. Codes 65 to 72 and 100
/// to 110 are `user-defined`, others that the specification does not list `unassigned`.
#[must_use]
pub fn function(code: u8) -> (&'static str, Access) {
    match code {
        1 => ("read-coils", Access::Read),
        2 => ("read-discrete-inputs", Access::Read),
        3 => ("read-holding-registers", Access::Read),
        4 => ("read-input-registers", Access::Read),
        5 => ("write-single-coil", Access::Write),
        6 => ("write-single-register", Access::Write),
        7 => ("read-exception-status", Access::Read),
        8 => ("diagnostics", Access::Diagnostic),
        11 => ("get-comm-event-counter", Access::Read),
        12 => ("get-comm-event-log", Access::Read),
        15 => ("write-multiple-coils", Access::Write),
        16 => ("write-multiple-registers", Access::Write),
        17 => ("report-server-id", Access::Read),
        20 => ("read-file-record", Access::Read),
        21 => ("write-file-record", Access::Write),
        22 => ("mask-write-register", Access::Write),
        23 => ("read-write-multiple-registers", Access::ReadWrite),
        24 => ("read-fifo-queue", Access::Read),
        43 => ("encapsulated-interface-transport", Access::Unknown),
        65..=72 | 100..=110 => ("user-defined", Access::Unknown),
        _ => ("unassigned", Access::Unknown),
    }
}

/// Whether the specification defines the function code.
#[must_use]
pub fn is_public(code: u8) -> bool {
    matches!(code, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43)
}

/// Name of an exception code.
#[must_use]
pub fn exception(code: u8) -> &'static str {
    match code {
        1 => "illegal-function",
        2 => "illegal-data-address",
        3 => "illegal-data-value",
        4 => "server-device-failure",
        5 => "acknowledge",
        6 => "server-device-busy",
        7 => "negative-acknowledge",
        8 => "memory-parity-error",
        10 => "gateway-path-unavailable",
        11 => "gateway-target-failed-to-respond",
        _ => "unassigned-exception",
    }
}
