//! The demo shop's files, as they stand in this repository.

/// Tables of both databases.
pub const SCHEMA: &str = include_str!("schema.sql");
/// The shop when TEST was copied from PROD.
pub const SHOP: &str = include_str!("shop.sql");
/// What happened on PROD since.
pub const PROD: &str = include_str!("prod.sql");
/// What happened on TEST since.
pub const TEST: &str = include_str!("test.sql");
/// What is done on TEST about what the first plan shows.
pub const MENDED: &str = include_str!("mended.sql");
/// What a customer does on PROD while the campaign is applied.
pub const SOLD: &str = include_str!("sold.sql");

macro_rules! manifests {
    ($($path:literal),* $(,)?) => {
        [
            ("README.md", include_str!("README.md")),
            ("reconcile.yaml", include_str!("reconcile.yaml")),
            (
                "schemas/reconcile.schema.json",
                include_str!("../../schemas/reconcile.schema.json"),
            ),
            $((concat!("manifests/", $path), include_str!(concat!("../../manifests/", $path))),)*
        ]
    };
}

/// Path and text of every file beside the databases.
pub const FILES: [(&str, &str); 20] = manifests![
    "jobs/new-pages.yaml",
    "jobs/refresh-test-nightly.yaml",
    "jobs/refresh-test.yaml",
    "jobs/spring-campaign.yaml",
    "modules/banners.yaml",
    "modules/categories.yaml",
    "modules/cms-pages.yaml",
    "modules/landing-pages.yaml",
    "modules/media.yaml",
    "modules/menus.yaml",
    "modules/products.yaml",
    "modules/sliders.yaml",
    "modules/system-config.yaml",
    "resources/availability.yaml",
    "resources/cms-block.yaml",
    "resources/cms-page.yaml",
    "resources/product.yaml",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_default_manifest_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["manifests/jobs", "manifests/modules", "manifests/resources"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let path = format!("{folder}/{name}");
                assert!(super::FILES.iter().any(|(embedded, _)| *embedded == path), "{path}");
            }
        }
    }
}
