use super::*;

fn of(text: &str) -> Result<Shape, String> {
    let component = wat::parse_str(text).unwrap();
    Shape::of(&component, &ShapeLimits::default())
}

/// Each component instantiates the one before it twice.
fn doubling(steps: usize) -> String {
    let mut text =
        String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
    for step in 1..=steps {
        let before = step - 1;
        text.push_str(&format!(
            "(component $c{step} (alias outer 1 $c{before} (component $b)) \
             (instance (instantiate $b)) (instance (instantiate $b)))"
        ));
    }
    format!("(component {text} (instance (instantiate $c{steps})))")
}

#[test]
fn instances_count_as_often_as_they_are_made() {
    let shape = of(&doubling(4)).unwrap();
    // 16 core instances, and 1 + 2 + 4 + 8 + 16 of components.
    assert_eq!(shape.made.instances, 16 + 31);
    let error = of(&doubling(22)).unwrap_err();
    assert!(error.contains("instances or more; at most 256"), "{error}");
    assert!(of(&doubling(80)).is_err());
}

#[test]
fn types_and_exports_count_as_often_as_they_are_there() {
    let types = |steps: usize| {
        let mut text = String::from("(type $t0 (instance (export \"f\" (func))))");
        for step in 1..=steps {
            let before = step - 1;
            text.push_str(&format!(
                "(type $t{step} (instance (alias outer 1 $t{before} (type $b)) \
                 (export \"a\" (instance (type $b))) (export \"b\" (instance (type $b)))))"
            ));
        }
        format!("(component {text} (import \"i\" (instance (type $t{steps}))))")
    };
    assert!(of(&types(5)).is_ok());
    let error = of(&types(18)).unwrap_err();
    assert!(error.contains("exports and the like or more"), "{error}");
    let exports = |steps: usize| {
        let mut text =
            String::from("(import \"f\" (func $f)) (instance $i0 (export \"f\" (func $f)))");
        for step in 1..=steps {
            let before = step - 1;
            text.push_str(&format!(
                "(instance $i{step} (export \"a\" (instance $i{before})) \
                 (export \"b\" (instance $i{before})))"
            ));
        }
        format!("(component {text} (export \"all\" (instance $i{steps})))")
    };
    assert!(of(&exports(5)).is_ok());
    assert!(of(&exports(18)).is_err());
    assert!(of(&exports(60)).is_err());
}

#[test]
fn what_is_given_from_outside_is_not_instantiated() {
    let error =
        of("(component (component $o (import \"c\" (component $c)) (instance (instantiate $c))))");
    assert!(error.unwrap_err().contains("that it is given"));
}

#[test]
fn every_count_has_its_limit_within_and_over() {
    let component = wat::parse_str(
        "(component (core module $m (import \"a\" \"b\" (func $f)) (global i32 (i32.const 0)) \
         (table 3 funcref) (elem (i32.const 0) $f $f $f)) (@custom \"note\" \"12345678\"))",
    )
    .unwrap();
    let exact = ShapeLimits {
        depth: 2,
        definitions: 1,
        instances: 0,
        items: 0,
        functions: 1,
        core_items: 5,
        elements: 3,
        custom_bytes: 8,
    };
    // Names that the text gave come in a custom section too.
    let shape = Shape::of(&component, &ShapeLimits::default()).unwrap();
    let exact = ShapeLimits {
        custom_bytes: shape.custom_bytes,
        ..exact
    };
    assert_eq!(Shape::of(&component, &exact), Ok(shape));
    for (lower, says) in [
        (
            ShapeLimits {
                depth: 1,
                ..exact.clone()
            },
            "levels",
        ),
        (
            ShapeLimits {
                definitions: 0,
                ..exact.clone()
            },
            "modules",
        ),
        (
            ShapeLimits {
                functions: 0,
                ..exact.clone()
            },
            "functions",
        ),
        (
            ShapeLimits {
                core_items: 4,
                ..exact.clone()
            },
            "core modules",
        ),
        (
            ShapeLimits {
                elements: 2,
                ..exact.clone()
            },
            "elements",
        ),
        (
            ShapeLimits {
                custom_bytes: 7,
                ..exact.clone()
            },
            "custom",
        ),
    ] {
        let error = Shape::of(&component, &lower).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let text = exact.to_argument();
    assert_eq!(ShapeLimits::from_argument(&text), Some(exact));
    assert_eq!(ShapeLimits::from_argument("1,2"), None);
}
