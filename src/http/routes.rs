//! Every path with what answers it. Who may ask is said by what each of them takes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::site::Site;
use super::{cancel, guard, health, hook, image, jobs, messages, metrics, page, schedule, sign_in};

/// Bytes of a form.
const LARGEST_FORM: usize = 16 * 1024;

pub fn routes(site: &Arc<Site>) -> Router {
    let of_a_review = DefaultBodyLimit::max(schedule::LARGEST);
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .route("/", get(jobs::all))
        .route("/jobs/{job}", get(jobs::one))
        .route("/jobs/{job}/cancel", post(jobs::cancel))
        .route("/jobs/{job}/image", get(image::show))
        .route("/jobs/{job}/schedule", post(schedule::schedule).layer(of_a_review))
        .route("/messages", get(messages::all))
        .route("/messages/{name}", get(messages::one))
        .route("/cancel/{ticket}", get(cancel::show).post(cancel::carry_out))
        .route("/hooks/git", post(hook::git))
        .route("/sign-in", get(sign_in::show).post(sign_in::begin))
        .route("/sign-out", post(sign_in::end))
        .route(page::STYLE, get(page::style))
        .fallback(page::nothing_here)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(from_fn_with_state(Arc::clone(site), guard::guard))
        .with_state(Arc::clone(site))
}
