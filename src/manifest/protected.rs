//! What is never synchronized, whatever a manifest says.
//!
//! Answers for one question: may this table be reached, and if not, which class keeps it out. The
//! word lists of the classes are here and nowhere else; the operator's file adds, spares and limits.
//! How a manifest reaches tables (roots, owned rows, cascades) is asked in `validate`.

use std::fmt;

use super::words::{glob_matches, parts};
use crate::config::{Config, MobileApp, TableRules};

/// Why a table is never synchronized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    SystemSettings,
    Translations,
    PromotionCodes,
    Campaigns,
    Titles,
    Users,
    PaymentTypes,
    DeliveryTypes,
    Seo,
    Orders,
    Reviews,
    BeautyAdvisor,
    /// Added by the operator's `protected.add`.
    Added,
    /// The tool's own tables.
    Ledger,
    /// The database's own tables.
    Engine,
}

impl Class {
    /// Tables that hold nothing of the shop: the tool's own and the database's.
    pub fn is_machinery(self) -> bool {
        matches!(self, Self::Ledger | Self::Engine)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::SystemSettings => "system settings",
            Self::Translations => "translations",
            Self::PromotionCodes => "promotion codes",
            Self::Campaigns => "campaigns",
            Self::Titles => "titles",
            Self::Users => "users",
            Self::PaymentTypes => "payment types",
            Self::DeliveryTypes => "delivery types",
            Self::Seo => "SEO settings",
            Self::Orders => "orders",
            Self::Reviews => "reviews",
            Self::BeautyAdvisor => "the Beauty Advisor module",
            Self::Added => "tables protected by the operator",
            Self::Ledger => "reconcile's own tables",
            Self::Engine => "the database's own tables",
        })
    }
}

/// The words of each class, in singular. Several words must follow each other as parts of a name.
/// The first class that fits is the one named; more telling classes stand first.
const WORDS: &[(Class, &[&str])] = &[
    (Class::BeautyAdvisor, &["beauty advisor", "beautyadvisor"]),
    (Class::PaymentTypes, &["payment type", "payment method", "payment provider"]),
    (
        Class::DeliveryTypes,
        &["delivery", "shipping", "carrier", "delivery type", "shipment method", "shipment type"],
    ),
    (Class::PromotionCodes, &["promotion", "promo", "voucher", "coupon", "offer", "promocode"]),
    (Class::Campaigns, &["campaign"]),
    (Class::Reviews, &["review", "rating"]),
    (Class::Orders, &["order", "cart", "basket", "invoice", "payment", "shipment", "refund"]),
    (Class::Seo, &["seo"]),
    (Class::Translations, &["translation", "i18n"]),
    (Class::Titles, &["title"]),
    (
        Class::Users,
        &[
            "user",
            "customer",
            "account",
            "auth",
            "session",
            "token",
            "address",
            "wishlist",
            "alert",
            "notification",
            "email",
            "log",
            "analytics",
        ],
    ),
    (
        Class::SystemSettings,
        &["setting", "config", "configuration", "migration", "content type", "contenttype"],
    ),
];

/// Words that also count where a part only begins with them: `userprofile`, `customergroup`,
/// `orderline`.
const BEGINNINGS: [(Class, &str); 3] =
    [(Class::Orders, "order"), (Class::Users, "user"), (Class::Users, "customer")];

/// Settings where they are all that follows a prefix: `wp_options`, `django_site`, but not
/// `sales_product_option`.
const SYSTEM_AFTER_PREFIX: [&str; 2] = ["option", "site"];

/// Which tables may be reached: the built-in classes with what the operator adds, spares and allows.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    rules: TableRules,
    /// Whether the operator's rules are known at all.
    operator: Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Operator {
    Known,
    #[default]
    Unknown,
}

impl Protection {
    /// The operator's rules, as in `reconcile.yaml`.
    pub fn new(config: &Config) -> Self {
        Self::of(config.table_rules())
    }

    /// The operator's rules, as in `catalog.json`.
    pub fn of(rules: TableRules) -> Self {
        Self { rules, operator: Operator::Known }
    }

    /// The built-in classes alone, where the operator's rules aren't at hand.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// Whether the operator's rules are at hand. Without them `tables.allow` is not checked.
    pub fn knows_operator(&self) -> bool {
        self.operator == Operator::Known
    }

    /// The class that keeps a table or module of this name out.
    pub fn class_of(&self, name: &str) -> Option<Class> {
        if let Some(class) = own_table(name) {
            return Some(class);
        }
        if covers(&self.rules.protected.allow, name) {
            return None;
        }
        if covers(&self.rules.protected.add, name) {
            return Some(Class::Added);
        }
        built_in_class(name)
    }

    /// The class that keeps an owned table out: translations, titles and SEO of a record belong to
    /// it.
    pub fn class_of_owned(&self, table: &str) -> Option<Class> {
        let class = self.class_of(table)?;
        if matches!(class, Class::Translations | Class::Titles | Class::Seo) {
            // Another class may stand behind it: `user_translation`.
            return parts_without(table, &["translation", "i18n", "title", "seo"]);
        }
        Some(class)
    }

    /// Whether the operator's `tables.allow` covers a table; nothing is, unless given.
    pub fn is_allowed(&self, table: &str) -> bool {
        !self.knows_operator() || covers(&self.rules.allow, table)
    }

    /// The rows of one protected table that the `system-config` module may hold.
    pub fn mobile_app(&self) -> Option<&MobileApp> {
        self.rules.protected.mobile_app.as_ref()
    }
}

fn covers(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| glob_matches(glob, name))
}

/// Tables that no operator can spare.
fn own_table(name: &str) -> Option<Class> {
    const LEDGER: [&str; 8] = [
        "run",
        "before_image",
        "work",
        "pair",
        "fence",
        "written",
        "publish_version",
        "publish_pending",
    ];
    let lower = name.to_ascii_lowercase();
    if lower.strip_prefix("reconcile_").is_some_and(|rest| LEDGER.contains(&rest)) {
        return Some(Class::Ledger);
    }
    let system = ["sqlite_", "pg_", "information_schema", "mysql.", "performance_schema", "sys."];
    system.iter().any(|prefix| lower.starts_with(prefix)).then_some(Class::Engine)
}

fn built_in_class(name: &str) -> Option<Class> {
    class_of_parts(&parts(name))
}

fn class_of_parts(parts: &[String]) -> Option<Class> {
    let whole = WORDS.iter().find(|(_, words)| words.iter().any(|word| holds(parts, word)));
    whole
        .map(|(class, _)| *class)
        .or_else(|| {
            let begins = |word: &str| parts.iter().any(|part| part.starts_with(word));
            BEGINNINGS.iter().find(|(_, word)| begins(word)).map(|(class, _)| *class)
        })
        .or_else(|| {
            let last = parts.last().filter(|_| parts.len() <= 2)?;
            SYSTEM_AFTER_PREFIX
                .iter()
                .any(|word| is_form_of(last, word))
                .then_some(Class::SystemSettings)
        })
}

/// The class of what is left of a name without these words.
fn parts_without(name: &str, words: &[&str]) -> Option<Class> {
    let rest: Vec<String> = parts(name)
        .into_iter()
        .filter(|part| !words.iter().any(|word| is_form_of(part, word)))
        .collect();
    class_of_parts(&rest)
}

/// Whether the words follow each other among the parts; the last may be a plural.
fn holds(parts: &[String], words: &str) -> bool {
    let words: Vec<&str> = words.split(' ').collect();
    parts
        .windows(words.len())
        .any(|window| window.iter().zip(&words).all(|(part, word)| is_form_of(part, word)))
}

/// Singular or plural.
fn is_form_of(part: &str, word: &str) -> bool {
    let Some(rest) = part.strip_prefix(word) else {
        return word.strip_suffix('y').is_some_and(|stem| part.strip_prefix(stem) == Some("ies"));
    };
    matches!(rest, "" | "s") || rest == "es" && word.ends_with(['s', 'x', 'h'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProtectedRules;

    fn class(name: &str) -> Option<Class> {
        Protection::built_in().class_of(name)
    }

    fn check(expected: Class, refused: &[&str], passing: &[&str]) {
        for name in refused {
            assert_eq!(class(name), Some(expected), "{name}");
        }
        for name in passing {
            assert_eq!(class(name), None, "{name}");
        }
    }

    #[test]
    fn system_settings() {
        check(
            Class::SystemSettings,
            &[
                "system_config",
                "settings",
                "core_config_data",
                "django_migrations",
                "django_content_type",
                "wp_options",
                "django_site",
                "SystemSetting",
                "site",
            ],
            &[
                "sales_product_option",
                "website",
                "product_optional",
                "site_banner_item",
                "composite",
            ],
        );
    }

    #[test]
    fn translations() {
        check(
            Class::Translations,
            &["translation", "translations", "app_translation", "cms_page_translation"],
            &["cms_page", "cms_page_locale"],
        );
    }

    #[test]
    fn translations_titles_and_seo_of_a_record_belong_to_it() {
        let protection = Protection::built_in();
        for table in ["cms_page_translation", "product_title", "product_seo"] {
            assert_eq!(protection.class_of_owned(table), None, "{table}");
        }
        assert_eq!(protection.class_of_owned("user_translation"), Some(Class::Users));
        assert_eq!(protection.class_of_owned("order_line"), Some(Class::Orders));
    }

    #[test]
    fn promotion_codes() {
        check(
            Class::PromotionCodes,
            &[
                "promotion",
                "promo_code",
                "voucher_voucher",
                "coupons",
                "offer_range",
                "PromotionCode",
            ],
            &["promontory", "coffer"],
        );
    }

    #[test]
    fn campaigns() {
        check(Class::Campaigns, &["campaign", "marketing_campaigns"], &["camp", "champagne"]);
    }

    #[test]
    fn titles() {
        check(
            Class::Titles,
            &["title", "titles", "shop_title"],
            &["subtitle_style", "entitlement"],
        );
    }

    #[test]
    fn users() {
        check(
            Class::Users,
            &[
                "user",
                "auth_user",
                "customers",
                "userprofile",
                "customergroup",
                "user_address",
                "addresses",
                "session",
                "api_token",
                "wishlists_wishlist",
                "email_queue",
                "access_log",
                "analytics_hit",
                "accounts",
                "stock_alert",
                "notification",
            ],
            &["blog", "blog_post", "catalogue", "author", "consumer", "tokenizer"],
        );
    }

    #[test]
    fn payment_types() {
        check(
            Class::PaymentTypes,
            &["payment_type", "payment_methods", "PaymentType"],
            &["repayment"],
        );
    }

    #[test]
    fn delivery_types() {
        check(
            Class::DeliveryTypes,
            &["delivery_type", "deliveries", "shipping_method", "carriers"],
            &["deliverable", "shipyard"],
        );
    }

    #[test]
    fn seo_settings() {
        check(Class::Seo, &["seo", "seo_setting", "page_seo"], &["seoul_store", "museo"]);
    }

    #[test]
    fn orders() {
        check(
            Class::Orders,
            &[
                "order",
                "orders",
                "order_line",
                "orderline",
                "sales_orders",
                "cart_item",
                "baskets",
                "invoice",
                "payment",
                "shipment",
                "refunds",
            ],
            &["cartoon", "border", "reorder_hint", "basketball"],
        );
    }

    #[test]
    fn reviews() {
        check(Class::Reviews, &["review", "product_reviews", "rating"], &["preview", "previews"]);
    }

    #[test]
    fn beauty_advisor() {
        check(
            Class::BeautyAdvisor,
            &["beauty_advisor_question", "beautyAdvisor", "beautyadvisor_answers"],
            &["beauty_tip", "advisor_page", "beauty"],
        );
    }

    #[test]
    fn tables_of_the_tool_and_the_database_cannot_be_spared() {
        let rules = TableRules {
            allow: vec!["*".into()],
            protected: ProtectedRules { allow: vec!["*".into()], ..ProtectedRules::default() },
        };
        let protection = Protection::of(rules);
        for own in ["reconcile_run", "reconcile_publish_version", "reconcile_publish_pending"] {
            assert_eq!(protection.class_of(own), Some(Class::Ledger), "{own}");
        }
        assert_eq!(protection.class_of("SQLITE_master"), Some(Class::Engine));
        assert_eq!(protection.class_of("pg_authid"), Some(Class::Engine));
        assert_eq!(protection.class_of("order"), None);
    }

    #[test]
    fn the_operator_adds_spares_and_allows() {
        let protection = Protection::of(TableRules {
            allow: vec!["cms_*".into()],
            protected: ProtectedRules {
                add: vec!["loyalty_*".into()],
                allow: vec!["store_address".into()],
                mobile_app: None,
            },
        });
        assert_eq!(protection.class_of("loyalty_points"), Some(Class::Added));
        assert_eq!(protection.class_of("store_address"), None);
        assert_eq!(protection.class_of("user_address"), Some(Class::Users));
        assert!(protection.is_allowed("cms_page") && !protection.is_allowed("product"));
    }
}
