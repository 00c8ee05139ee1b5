//! Limits of what comes over a network.

use palisade_serve::{HttpConfig, MqttConfig};

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count, Time};

const BOUNDED: &[&str] = &["ingest::slow_half_closed_and_oversized_requests_harm_nobody_else"];
const QUEUE: &[&str] = &["ingest::what_cannot_be_kept_now_is_refused_and_taken_later"];

/// A listener and a subscription that leave everything to defaults.
fn defaults() -> (HttpConfig, MqttConfig) {
    let http = toml::from_str("listen = \"127.0.0.1:1\"").expect("a listener");
    let mqtt = "broker = \"mqtt://localhost\"\nclient_id = \"a\"\ntopics = [\"a\"]";
    (http, toml::from_str(mqtt).expect("a subscription"))
}

pub(super) fn fill(t: &mut Table) {
    t.of("ingest");
    configured(t);
    for (name, unit, what, beyond, tests) in [
        (
            "MAX_NETWORK",
            Count,
            "pairs of a network source and a tenant",
            "the server does not start",
            &["config::network_sources_are_refused_with_their_field"][..],
        ),
        (
            "MAX_TOKENS",
            Count,
            "tokens of a listener",
            "the server does not start",
            &["config::network_sources_are_refused_with_their_field"],
        ),
        (
            "MAX_TOPICS",
            Count,
            "filters of topics of a subscription",
            "the server does not start",
            &["config::network_sources_are_refused_with_their_field"],
        ),
        (
            "MAX_BODY",
            Bytes,
            "what `max_body_bytes` and `max_message_bytes` can be",
            "the server does not start",
            &["config::network_sources_are_refused_with_their_field"],
        ),
        (
            "MAX_KEYS",
            Count,
            "keys of requests that are remembered, of a source and tenant",
            "the oldest is forgotten",
            &["delivered::what_was_committed_is_known_within_bounds_and_the_oldest_goes"],
        ),
        (
            "MAX_KEY_BYTES",
            Bytes,
            "those keys and their answers in the journal's snapshots",
            "the oldest is forgotten",
            &["delivered::what_was_committed_is_known_within_bounds_and_the_oldest_goes"],
        ),
        (
            "MAX_CONNECTIONS",
            Count,
            "what `max_connections` can be",
            "the server does not start",
            &[],
        ),
        (
            "MAX_WAITING",
            Count,
            "what `queue_requests` and `in_flight` can be",
            "the server does not start",
            &[],
        ),
        (
            "MAX_WAITING_BYTES",
            Bytes,
            "what `queue_bytes` and `in_flight_bytes` can be",
            "the server does not start",
            &[],
        ),
    ] {
        t.constant(
            "serve/src/ingest/config.rs",
            name,
            unit,
            what,
            beyond,
            tests,
        );
    }
    for (file, name, unit, what, beyond, tests) in [
        (
            "delivered.rs",
            "MAX_PACKETS",
            Count,
            "messages of a broker that are known when they come again",
            "one that comes again is taken again",
            &["delivered::what_was_committed_is_known_within_bounds_and_the_oldest_goes"][..],
        ),
        (
            "intake.rs",
            "MAX_TOGETHER",
            Bytes,
            "bodies or messages that make an epoch together",
            "the rest is another epoch",
            &[],
        ),
        (
            "intake.rs",
            "MAX_IN_EPOCH",
            Count,
            "bodies or messages of an epoch",
            "the rest is another epoch",
            &[],
        ),
        (
            "secret.rs",
            "MAX_SECRET",
            Bytes,
            "a token, user or password",
            "the server does not start",
            &["secret::a_token_is_read_from_a_file_and_good_until_it_expires"],
        ),
        (
            "tls.rs",
            "MAX_PEM",
            Bytes,
            "a file of certificates or a key",
            "the server does not start",
            &[],
        ),
        (
            "http/mod.rs",
            "MAX_HEAD",
            Bytes,
            "the head of a request",
            "the connection is closed",
            &["ingest::slow_half_closed_and_oversized_requests_harm_nobody_else"],
        ),
        (
            "http/mod.rs",
            "MAX_HEADERS",
            Count,
            "headers of a request",
            "it is refused",
            &[],
        ),
        (
            "http/request.rs",
            "MAX_KEY",
            Bytes,
            "the key of a request",
            "it is refused",
            &["request::what_a_request_says_is_bounded"],
        ),
        (
            "http/request.rs",
            "MAX_LOG",
            Bytes,
            "the name of a log that is posted",
            "it is refused",
            &["request::what_a_request_says_is_bounded"],
        ),
        (
            "http/request.rs",
            "MAX_DRAINED",
            Bytes,
            "what is still read of a body that is refused, so that its sender reads why",
            "the connection is closed",
            &[],
        ),
        (
            "mqtt/wire.rs",
            "MAX_HEADER",
            Bytes,
            "a packet of a broker beside its payload",
            "the connection is closed, and made again",
            &["wire::whatever_a_broker_sends_is_packets_within_a_bound_or_an_error"],
        ),
        (
            "mqtt/wire.rs",
            "MAX_SENT",
            Bytes,
            "a packet that a broker is sent",
            "the connection is closed, and made again",
            &[],
        ),
        (
            "mqtt/mod.rs",
            "MAX_ACKS",
            Count,
            "acknowledgements that are sent together",
            "the next are sent after them",
            &[],
        ),
    ] {
        let file = format!("serve/src/ingest/{file}");
        t.constant(&file, name, unit, what, beyond, tests);
    }
}

/// What an operator can say.
fn configured(t: &mut Table) {
    let (http, mqtt) = defaults();
    let HttpConfig {
        listen: _,
        tls_cert: _,
        tls_key: _,
        allow_clear_text: _,
        max_body_bytes,
        queue_bytes,
        queue_requests,
        max_connections,
        body_seconds,
        idle_seconds,
        max_keys,
        key_hours: _,
        tokens: _,
    } = http;
    let MqttConfig {
        broker: _,
        client_id: _,
        topics: _,
        ca_file: _,
        allow_clear_text: _,
        user: _,
        user_file: _,
        user_env: _,
        password_file: _,
        password_env: _,
        max_message_bytes,
        in_flight,
        in_flight_bytes,
        keep_alive_seconds: _,
    } = mqtt;
    let many = |value: usize| u64::try_from(value).expect("a number");
    t.value(
        "http.max_body_bytes",
        Bytes,
        many(max_body_bytes),
        "a body that is posted",
        "413",
        BOUNDED,
    );
    t.value(
        "http.queue_bytes",
        Bytes,
        many(queue_bytes),
        "bodies of a tenant that are not kept yet",
        "429",
        &["network::a_room_has_an_end_in_number_and_bytes_and_is_given_back"],
    );
    t.value(
        "http.queue_requests",
        Count,
        many(queue_requests),
        "bodies of a tenant that are not kept yet",
        "429",
        QUEUE,
    );
    t.value(
        "http.max_connections",
        Count,
        many(max_connections),
        "connections to a listener",
        "more are closed at once",
        BOUNDED,
    );
    t.value(
        "http.body_seconds",
        Time,
        body_seconds * 1000,
        "the time that a body takes",
        "408",
        &[],
    );
    t.value(
        "http.idle_seconds",
        Time,
        idle_seconds * 1000,
        "the time that a body pauses, or a connection is silent",
        "408, or the connection is closed",
        BOUNDED,
    );
    t.value(
        "http.max_keys",
        Count,
        many(max_keys),
        "keys of a tenant's requests that are known",
        "the oldest is forgotten",
        &["intake::keys_are_known_so_many_and_for_so_long"],
    );
    t.value(
        "mqtt.max_message_bytes",
        Bytes,
        many(max_message_bytes),
        "a message of a broker",
        "the connection is closed, and made again",
        &["wire::whatever_a_broker_sends_is_packets_within_a_bound_or_an_error"],
    );
    t.value(
        "mqtt.in_flight",
        Count,
        many(in_flight),
        "messages that are not acknowledged",
        "nothing more is read of the broker",
        &["mqtt::a_message_that_was_kept_and_not_acknowledged_is_not_taken_twice"],
    );
    t.value(
        "mqtt.in_flight_bytes",
        Bytes,
        many(in_flight_bytes),
        "those, and one more",
        "nothing more is read of the broker",
        &[],
    );
}
