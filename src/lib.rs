//! Compares two shop databases and applies what was reviewed.

pub mod cli {
    pub mod approve;
    #[cfg(test)]
    mod approve_tests;
}
pub mod database {
    pub mod value;
}
pub mod manifest {
    pub mod edit;
    #[cfg(test)]
    mod edit_tests;
    pub mod layout;
    pub mod quote;
    pub mod save;
    mod splice;
    pub mod sync_job;
    mod temporary;
    mod wanted;
    pub mod write;
}
pub mod plan {
    pub mod amend;
    pub mod approval;
    pub mod approval_problem;
    #[cfg(test)]
    mod approval_tests;
    pub mod change;
    pub mod dependency;
    pub mod heading;
    pub mod pattern;
    pub mod render;
}
