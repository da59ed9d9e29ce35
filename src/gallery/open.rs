//! stub until merged
use super::local::Local;
use super::{Gallery, Result};
use crate::config::{Config, Environment, GalleryPlace};
pub async fn open(config: &Config, environment: Environment) -> Result<Option<Box<dyn Gallery>>> {
    Ok(match &config.environment(environment).gallery {
        Some(GalleryPlace::Local(root)) => Some(Box::new(Local::new(
            format!("the gallery of {environment}"),
            root.clone(),
            config.limits.max_file_megabytes * 1_000_000,
        ))),
        _ => None,
    })
}
