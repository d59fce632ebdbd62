//! Delivery to other systems, each transport against a real one.

mod postgres;
