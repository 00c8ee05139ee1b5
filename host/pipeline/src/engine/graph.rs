//! Which plugins build on the findings of which others.

use palisade_events::{FieldId, Kind};
use palisade_runtime::manifest::{Manifest, Predicate, Test, Value, World};

use super::config::EngineError;

/// The most plugins that may stand one on another; each level has a slot of its own among the
/// sources of a run.
pub(crate) const MAX_LEVELS: u8 = 16;

/// The level of each plugin: 1 for one that is shown no findings of the others, else one more
/// than the highest of those whose findings it may be shown.
///
/// # Errors
/// When plugins build on each other in a circle, or more than 16 one on another.
pub(crate) fn levels(manifests: &[&Manifest]) -> Result<Vec<u8>, EngineError> {
    let rests_on: Vec<Vec<usize>> = manifests
        .iter()
        .map(|reader| {
            let others = manifests.iter().enumerate();
            others
                .filter(|(_, writer)| reads(reader, writer))
                .map(|(at, _)| at)
                .collect()
        })
        .collect();
    let mut walk = Walk {
        manifests,
        rests_on: &rests_on,
        levels: vec![None; manifests.len()],
        path: Vec::new(),
    };
    (0..manifests.len()).map(|at| walk.level(at)).collect()
}

struct Walk<'a> {
    manifests: &'a [&'a Manifest],
    rests_on: &'a [Vec<usize>],
    levels: Vec<Option<u8>>,
    /// Plugins whose level is being found, each resting on the next.
    path: Vec<usize>,
}

impl Walk<'_> {
    fn level(&mut self, at: usize) -> Result<u8, EngineError> {
        if let Some(level) = self.levels[at] {
            return Ok(level);
        }
        if let Some(from) = self.path.iter().position(|p| *p == at) {
            // Written in the direction in which findings travel.
            let mut circle: Vec<usize> = self.path[from..].iter().rev().copied().collect();
            circle.rotate_right(1);
            circle.push(circle[0]);
            return Err(EngineError::Circle(self.names(&circle)));
        }
        self.path.push(at);
        let mut level = 1;
        for below in &self.rests_on[at] {
            level = level.max(self.level(*below)?.saturating_add(1));
        }
        if level > MAX_LEVELS {
            let chain: Vec<usize> = self.path.iter().rev().copied().collect();
            return Err(EngineError::Levels(self.names(&chain)));
        }
        self.path.pop();
        self.levels[at] = Some(level);
        Ok(level)
    }

    fn names(&self, plugins: &[usize]) -> String {
        let names: Vec<String> = plugins
            .iter()
            .map(|at| format!("`{}`", self.manifests[*at].name))
            .collect();
        names.join(" → ")
    }
}

/// Whether `reader` may be shown findings of `writer`. A plugin is not shown its own; one that
/// asks for them by its own name builds on itself.
fn reads(reader: &Manifest, writer: &Manifest) -> bool {
    if writer.world != World::Detector {
        return false;
    }
    let own = reader.name == writer.name && reader.pack == writer.pack;
    reader
        .subscriptions
        .iter()
        .filter(|subscription| subscription.kind == Kind::Finding)
        .any(|subscription| {
            let predicates = &subscription.predicates;
            let named = predicates.iter().any(|p| !p.not && is(p, "plugin"));
            (!own || named)
                && writer.rules.iter().any(|rule| {
                    predicates
                        .iter()
                        .all(|p| may_pass(p, &writer.name, &rule.id))
                })
        })
}

fn is(predicate: &Predicate, field: &str) -> bool {
    predicate.field == FieldId::of(field)
}

/// Whether a finding of this rule may pass; what else it says is not known yet.
fn may_pass(predicate: &Predicate, plugin: &str, rule: &str) -> bool {
    let text = if is(predicate, "plugin") {
        plugin
    } else if is(predicate, "rule") {
        rule
    } else {
        return true;
    };
    let found = match &predicate.test {
        Test::OneOf(values) => values
            .iter()
            .any(|value| matches!(value, Value::Text(t) if t == text)),
        Test::Prefix(texts) => texts.iter().any(|t| text.starts_with(t.as_str())),
        Test::Suffix(texts) => texts.iter().any(|t| text.ends_with(t.as_str())),
        Test::ContainsAny(texts) => texts.iter().any(|t| text.contains(t.as_str())),
        Test::Exists => true,
        Test::InDataset(_) | Test::Cidr(_) | Test::Range { .. } => return true,
    };
    found != predicate.not
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plugin with a rule of its name in capitals, which is shown findings where `predicates`
    /// are; each is a line of a `where` table.
    fn plugin(name: &str, predicates: Option<&str>) -> Manifest {
        let rule = name.to_uppercase();
        let subscription = match predicates {
            None => "kind = \"network.flow\"\nfields = [\"time\"]".to_owned(),
            Some(predicates) => {
                format!("kind = \"finding\"\nfields = [\"rule\"]\nwhere = [{predicates}]")
            }
        };
        let text = format!(
            "[plugin]\nname = \"{name}\"\nversion = \"0.1.0\"\nkind = \"detector\"\nwit = \"0.1\"\n\
             pack = \"test\"\ndescription = \"For tests.\"\n[[subscription]]\n{subscription}\n\
             [[rule]]\nid = \"{rule}\"\ntitle = \"t\"\nseverity = \"low\"\n"
        );
        Manifest::parse(&text).expect("a good manifest")
    }

    fn levels_of(plugins: &[Manifest]) -> Result<Vec<u8>, String> {
        let manifests: Vec<&Manifest> = plugins.iter().collect();
        levels(&manifests).map_err(|error| error.to_string())
    }

    #[test]
    fn levels_follow_the_findings() {
        let plugins = [
            plugin("d", Some(r#"{ field = "plugin", in = ["b", "c"] }"#)),
            plugin("a", None),
            plugin("b", Some(r#"{ field = "rule", equals = "A" }"#)),
            plugin("c", Some(r#"{ field = "rule", prefix = ["B"] }"#)),
            plugin("x", Some(r#"{ field = "rule", equals = "NOBODY" }"#)),
        ];
        assert_eq!(levels_of(&plugins), Ok(vec![4, 1, 2, 3, 1]));
        // One that is shown everything is not shown its own.
        let all = [plugin("a", None), plugin("z", Some(""))];
        assert_eq!(levels_of(&all), Ok(vec![1, 2]));
    }

    #[test]
    fn circles_are_named() {
        let error = levels_of(&[plugin("y", Some("")), plugin("z", Some(""))]).unwrap_err();
        assert!(error.contains("`y` → `z` → `y`"), "{error}");
        let error = levels_of(&[
            plugin("a", Some(r#"{ field = "plugin", equals = "c" }"#)),
            plugin("b", Some(r#"{ field = "plugin", equals = "a" }"#)),
            plugin("c", Some(r#"{ field = "plugin", equals = "b" }"#)),
        ])
        .unwrap_err();
        assert!(error.contains("`a` → `b` → `c` → `a`"), "{error}");
        let own = r#"{ field = "plugin", equals = "a" }"#;
        let error = levels_of(&[plugin("a", Some(own))]).unwrap_err();
        assert!(error.contains("`a` → `a`"), "{error}");
        let not = r#"{ field = "plugin", equals = "z", not = true }"#;
        assert_eq!(
            levels_of(&[plugin("y", Some(not)), plugin("z", Some(""))]),
            Ok(vec![1, 2])
        );
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut chain = vec![plugin("p0", None)];
        for at in 1..17 {
            let below = format!(r#"{{ field = "plugin", equals = "p{}" }}"#, at - 1);
            chain.push(plugin(&format!("p{at}"), Some(&below)));
        }
        assert_eq!(levels_of(&chain[..16]).unwrap()[15], 16);
        let error = levels_of(&chain).unwrap_err();
        assert!(error.contains("at most 16"), "{error}");
    }
}
