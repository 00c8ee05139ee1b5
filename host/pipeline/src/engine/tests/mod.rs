//! Tests of the engine with plugins.

mod nets;
