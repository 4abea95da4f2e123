//! Classification: values → class breaks.
//!
//! Holds the methods. Must not know: regions, indicators, colours.
//!
//! Invariant: breaks ascend, the first is the minimum and the last the maximum of the values.
