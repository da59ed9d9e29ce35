//! `reconcile search INDEX WORDS…`: documents of the search store that hold all words.

use std::io::IsTerminal;

use serde_json::json;

use super::place::{Place, as_json, for_people};
use super::prepare::block_on;
use super::{Error, Format, Global, Outcome, output};
use crate::config::Config;
use crate::config::target::Part;
use crate::escape::{harmless, visible};
use crate::manifest::words::nearest;
use crate::put::put;
use crate::store::{self, Hit};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub place: Place,
    /// How many, at most
    #[arg(short, long, value_name = "NUMBER", default_value_t = 10)]
    pub limit: usize,
    /// The index, as `de_page`
    #[arg(value_name = "INDEX")]
    pub index: String,
    /// Words that all have to be there; of the last one its beginning is enough
    #[arg(value_name = "WORDS", required = true)]
    pub words: Vec<String>,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let hits = block_on(find(args, &config))?;
    match args.place.format {
        Format::Json => {
            let list = hits
                .iter()
                .map(|Hit { key, value }| json!({ "key": key, "document": as_json(value) }));
            let list: Vec<_> = list.collect();
            output::json(&json!({ "index": args.index, "hits": list }))?;
        }
        Format::Text if hits.is_empty() => {
            let (index, words) = (visible(&args.index), args.words.join(" "));
            output::print(&format!("nothing in {index} holds {}\n", visible(&words)))?;
        }
        Format::Text => output::print(&shown(&hits))?,
    }
    Ok(Outcome::Fine)
}

/// Each document over several lines for people at a terminal, else on one.
fn shown(hits: &[Hit]) -> String {
    let is_terminal = std::io::stdout().is_terminal();
    let mut out = String::new();
    for Hit { key, value } in hits {
        put!(out, "{}\n", visible(key));
        let document = if is_terminal { for_people(value) } else { harmless(value).into_owned() };
        for line in document.lines() {
            put!(out, "  {line}\n");
        }
    }
    out
}

/// The hits of the first of the shop's stores that has the index.
async fn find(args: &Args, config: &Config) -> Result<Vec<Hit>, Error> {
    let environment = args.place.environment(config);
    let mut known = Vec::new();
    for shop_store in args.place.stores(config, Part::Search)? {
        let search = store::look(config, environment, Part::Search, shop_store.as_deref());
        let Some(mut search) = search.await? else { continue };
        let indexes = search.indexes().await?;
        if indexes.contains(&args.index) {
            let hits = search.search(&args.index, &args.words.join(" "), args.limit).await?;
            search.close().await?;
            return Ok(hits);
        }
        known.extend(indexes);
        search.close().await?;
    }
    let index = visible(&args.index);
    let error = Error::failed(format!("the search of {environment} has no index {index}"));
    Err(match nearest(&args.index, known.iter().map(String::as_str)) {
        Some(meant) => error.hint(format!("did you mean {}?", visible(meant))),
        None if known.is_empty() => error.hint("nothing was published to it yet"),
        None => error.hint(format!("there are {}", visible(&known.join(", ")))),
    })
}
