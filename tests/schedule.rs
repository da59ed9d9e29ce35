//! What a pass does with a job's time, and with what isn't built yet: nothing is silently ignored.

use std::fs;

use jiff::{SignedDuration, Timestamp};

use crate::shop::{Shop, rows};

const AS_COMMITTED: &str = "# schedule: {at: \"2027-02-14T02:00\", timeZone: Europe/Warsaw}";

/// A shop with one approved page, whose job has `lines` in place of the schedule.
fn approved(lines: &str) -> Shop {
    let shop = Shop::before_the_demo();
    let file = shop.path().join("manifests/jobs/spring-campaign.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(AS_COMMITTED), "{text}");
    fs::write(&file, text.replace(AS_COMMITTED, lines)).unwrap();
    shop.reconcile(&["approve", "spring-campaign", "--new", "cms_page/45"]).ends_with(0);
    shop
}

async fn page_is_on_prod(shop: &Shop) -> bool {
    rows(&shop.prod()).await["cms_page"].iter().any(|row| row.contains("'refills'"))
}

#[tokio::test]
async fn a_job_waits_for_its_time() {
    let shop = approved("schedule: {at: \"2999-02-14T02:00\", timeZone: Europe/Warsaw}");
    let said = shop.reconcile(&["spring-campaign"]).ends_with(0);
    assert!(said.out.contains("2999-02-14T01:00:00Z"), "{}", said.out);
    assert!(!page_is_on_prod(&shop).await);
}

#[tokio::test]
async fn a_job_whose_time_passed_a_day_ago_is_missed_until_it_changes() {
    let shop = approved("schedule: {at: \"2001-02-14T02:00\", timeZone: Europe/Warsaw}");
    for _ in 0..2 {
        let said = shop.reconcile(&["spring-campaign", "--format", "json"]).ends_with(1);
        let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(json["jobs"][0]["phase"], "Missed", "{json}");
        assert!(!page_is_on_prod(&shop).await);
    }
    let file = shop.path().join("manifests/jobs/spring-campaign.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("schedule: {at: \"2001-02-14T02:00\"", "# {at: \"")).unwrap();
    shop.reconcile(&["spring-campaign"]).ends_with(0);
    assert!(page_is_on_prod(&shop).await);
}

/// A pass may be made by a timer that is late; the operator says how late is too late.
#[tokio::test]
async fn a_pass_carries_out_what_was_due_within_a_day_or_as_the_operator_says() {
    let ago = |hours| Timestamp::now() - SignedDuration::from_hours(hours);
    for (hours, minutes, late) in
        [(23, None, None), (25, None, Some("24 hours")), (23, Some(90), Some("90 minutes"))]
    {
        let time = ago(hours).strftime("%Y-%m-%dT%H:%M");
        let shop = approved(&format!("schedule: {{at: \"{time}\", timeZone: UTC}}"));
        // It was written before its time.
        let job = shop.path().join("manifests/jobs/spring-campaign.yaml");
        let file = fs::File::options().write(true).open(&job).unwrap();
        file.set_modified(ago(hours + 1).into()).unwrap();
        if let Some(minutes) = minutes {
            let operators = shop.path().join("reconcile.yaml");
            let text = fs::read_to_string(&operators).unwrap();
            let limits = format!("limits: {{maxLateMinutes: {minutes}, ");
            assert!(text.contains("limits: {"));
            fs::write(&operators, text.replace("limits: {", &limits)).unwrap();
        }
        let said = shop.reconcile(&["spring-campaign"]).ends_with(i32::from(late.is_some()));
        if let Some(late) = late {
            assert!(said.out.contains(&format!("more than {late} later")), "{}", said.out);
        }
        assert_eq!(
            page_is_on_prod(&shop).await,
            late.is_none(),
            "{hours} hours late: {}",
            said.out
        );
    }
}

#[tokio::test]
async fn a_run_says_what_it_left_out() {
    let shop = approved("notify: [jo@shop.example]");
    let edit = |file: &str, from: &str, to: &str| {
        let file = shop.path().join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replace(from, to)).unwrap();
    };
    let publish = "    publish: {queue: embedded, storage: embedded, search: embedded}\n";
    edit("reconcile.yaml", publish, "");
    edit("manifests/modules/cms-pages.yaml", ", republish: [cms_block]", "");
    // The pin holds of the module as it was reviewed.
    shop.reconcile(&["spring-campaign"]).ends_with(4);
    shop.reconcile(&["approve", "spring-campaign", "--new", "cms_page/45"]).ends_with(0);
    let said = shop.reconcile(&["spring-campaign"]).ends_with(0);
    let left_out = "cms_page, product can't be published anew: the operator's file names no read stores of PROD";
    assert!(said.out.contains(left_out), "{}", said.out);
    assert!(page_is_on_prod(&shop).await);
}

#[test]
fn shells_are_given_completions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let said = crate::shop::reconcile(folder.path(), &["completions", shell]).ends_with(0);
        assert!(said.out.contains("with-dependencies"), "{shell}");
    }
}
