//! Where a guest was when its call ended.

use palisade_events::counted;
use palisade_runtime::Trace;

/// The variable that says which frames of backtraces are shown.
pub(crate) const BACKTRACE: &str = "PALISADE_BACKTRACE";
/// Its value for all of them.
pub(crate) const FULL: &str = "full";

/// A line for how long the call ran, where it was too long, one for each frame, and one about those that are left out.
pub(crate) fn frames(backtrace: &Trace) -> impl Iterator<Item = String> {
    let frames = backtrace.frames.iter().map(|frame| format!("in {frame}"));
    let left_out = Some(backtrace.left_out).filter(|count| *count > 0);
    let none = backtrace.frames.is_empty();
    let others = left_out.map(|count| {
        let frames = counted(count, "frame");
        match none {
            true => format!(
                "in a line of the script that is not known; {frames} of its interpreter left out \
                 ({BACKTRACE}={FULL} shows them)"
            ),
            false => {
                format!("and {frames} of the SDK and of libraries ({BACKTRACE}={FULL} shows all)")
            }
        }
    });
    let ran = Some(backtrace.ran.clone()).filter(|ran| !ran.is_empty());
    ran.into_iter().chain(frames).chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told() {
        let lines = |left_out| {
            let frames = vec!["evaluate at src/lib.rs:3".to_owned()];
            let ran = String::new();
            frames_of(Trace {
                frames,
                left_out,
                ran,
            })
        };
        fn frames_of(backtrace: Trace) -> Vec<String> {
            frames(&backtrace).collect()
        }
        assert_eq!(lines(0), ["in evaluate at src/lib.rs:3"]);
        let told = "and 20 frames of the SDK and of libraries (PALISADE_BACKTRACE=full shows all)";
        assert_eq!(lines(20), ["in evaluate at src/lib.rs:3", told]);
        let left_out = 1;
        let script = frames_of(Trace {
            frames: Vec::new(),
            left_out,
            ran: String::new(),
        });
        assert_eq!(
            script,
            [
                "in a line of the script that is not known; 1 frame of its interpreter left out (PALISADE_BACKTRACE=full shows them)"
            ]
        );
    }
}
