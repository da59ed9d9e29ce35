//! Compares two shop databases and applies what was reviewed.

pub mod database {
    pub mod value;
}
pub mod manifest {
    pub mod quote;
    pub mod sync_job;
    mod temporary;
}
pub mod plan {
    pub mod change;
    pub mod render;
}
