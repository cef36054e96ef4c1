//! The HTTP connector against a real service on loopback.
