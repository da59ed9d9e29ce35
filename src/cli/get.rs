//! `reconcile get KEY`: what the storage says under a key.

use std::io::IsTerminal;

use serde_json::json;

use super::place::{Place, as_json, for_people};
use super::prepare::block_on;
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::config::target::Part;
use crate::escape::visible;
use crate::publish::key::STORAGE_PREFIX;
use crate::store::{self, Store, Stored};

/// How many keys are told of where the one asked for isn't there.
const FEW: usize = 3;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub place: Place,
    /// The key, also without its `kv:`
    #[arg(value_name = "KEY")]
    pub key: String,
}

/// Where a key was found.
struct Found {
    key: String,
    store: Option<String>,
    stored: Stored,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let found = block_on(find(args, &config))?;
    let Stored { value, version } = &found.stored;
    match args.place.format {
        Format::Json => output::json(&json!({
            "key": found.key,
            "store": found.store,
            "version": version,
            "value": as_json(value),
        }))?,
        Format::Text if std::io::stdout().is_terminal() => output::print(&for_people(value))?,
        Format::Text => output::print(&format!("{value}\n"))?,
    }
    Ok(Outcome::Fine)
}

/// The first of the shop's stores that has it.
async fn find(args: &Args, config: &Config) -> Result<Found, Error> {
    let environment = args.place.environment(config);
    let mut others = Vec::new();
    for shop_store in args.place.stores(config, Part::Storage)? {
        let storage = store::look(config, environment, Part::Storage, shop_store.as_deref());
        let Some(mut storage) = storage.await? else { continue };
        let keys = [args.key.clone(), format!("{STORAGE_PREFIX}{}", args.key)];
        let stand = storage.get("", &keys).await?;
        let found = keys.into_iter().zip(stand).find_map(|(key, it)| Some((key, it?)));
        if let Some((key, stored)) = found {
            return Ok(Found { key, store: shop_store, stored });
        }
        others.extend(neighbours(storage.as_mut(), &args.key).await?);
        storage.close().await?;
    }
    let error =
        Error::failed(format!("the storage of {environment} has no key {}", visible(&args.key)));
    if others.is_empty() {
        return Err(error);
    }
    let keys: Vec<_> = others.iter().take(FEW).map(|key| visible(key)).collect();
    Err(error.hint(format!("keys like it are {}", keys.join(", "))))
}

/// Keys that begin alike, up to the last colon.
async fn neighbours(storage: &mut dyn Store, key: &str) -> Result<Vec<String>, Error> {
    let bare = key.strip_prefix(STORAGE_PREFIX).unwrap_or(key);
    let Some((begin, _)) = bare.rsplit_once(':') else { return Ok(Vec::new()) };
    Ok(storage.keys("", &format!("{STORAGE_PREFIX}{begin}:"), None, FEW).await?.keys)
}
