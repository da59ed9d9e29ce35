//! `reconcile init` on databases that nobody has described yet.

use std::fs;
use std::path::Path;

use crate::places::Place;
use crate::shop::{Said, run};

const SCHEMA: &str = include_str!("../src/demo/schema.sql");
const SHOP: &str = include_str!("../src/demo/shop.sql");
const PROD: &str = include_str!("../src/demo/prod.sql");
const TEST: &str = include_str!("../src/demo/test.sql");

/// Both environments of a user, and the folder in which the program is run.
struct User {
    folder: tempfile::TempDir,
    prod: Place,
    test: Place,
}

impl User {
    async fn on_sqlite(prod: &str, test: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, prod: Place::sqlite(prod).await, test: Place::sqlite(test).await }
    }

    async fn on_postgres(prod: &str, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (prod, test) = (Place::postgres(prod).await?, Place::postgres(test).await?);
        Some(Self { folder, prod, test })
    }

    async fn on_mariadb(prod: &str, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (prod, test) = (Place::mariadb(prod).await?, Place::mariadb(test).await?);
        Some(Self { folder, prod, test })
    }

    fn reconcile(&self, arguments: &[&str]) -> Said {
        let variables = [
            ("PROD_DATABASE_URL", self.prod.url.as_str()),
            ("TEST_DATABASE_URL", self.test.url.as_str()),
            ("PIN_KEY", "a key that nobody can guess"),
        ];
        run(self.folder.path(), env!("CARGO_BIN_EXE_reconcile"), arguments, &variables)
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    async fn remove(self) {
        self.prod.remove().await;
        self.test.remove().await;
    }
}

fn shop(own: &str) -> String {
    format!("{SCHEMA}{SHOP}{own}")
}

async fn the_demo_shop_is_described_and_compared(user: User) {
    let said = user.reconcile(&["init"]).ends_with(0);
    assert!(said.out.contains("10 modules for 21 tables; 20 tables are left out"), "{}", said.out);
    let operator = user.file("reconcile.yaml");
    assert!(!operator.contains(&user.prod.url), "{operator}");
    assert!(operator.contains("\"${PROD_DATABASE_URL}\""), "{operator}");
    assert!(operator.contains("# order_line: never synchronized: orders"), "{operator}");
    insta::allow_duplicates! {
    insta::assert_snapshot!(user.file("manifests/modules/product.yaml"), @r#"
    # yaml-language-server: $schema=../../schemas/reconcile.schema.json
    # Proposed by `reconcile init` from tables and samples of rows. Read it and change it: it is yours.
    apiVersion: reconcile/v1
    kind: Module
    metadata:
      name: product
    spec:
      title: Product
      records:
        - table: product
          identity: [sku]  # unique
          label: name  # what reviewers see
          updated: updated_at  # a target newer than the source is pointed out
          created: created_at  # equal on both sides: another identity is a rename
          ignore: [updated_at]  # saving without a change is no difference
          # keep: {stock: default}  # each environment's own?
          owns:
            - table: product_attribute_value  # named after product, and never without one
              # links: what they refer to is their identity
            - table: product_category  # named after product, and never without one
              # links: what they refer to is their identity
            - table: product_price  # named after product, and never without one
              identity: [currency]  # unique within its parent
            - table: product_relation  # named after product, and never without one
              by: product_id  # it refers to its parent more than once
              identity: [related_product_id, kind]  # unique within its parent
            - table: product_variant  # named after product, and never without one
              identity: [sku]  # unique
              # keep: {stock: default}  # each environment's own?
    "#);
    insta::assert_snapshot!(user.file("manifests/modules/cms-page.yaml"), @r#"
    # yaml-language-server: $schema=../../schemas/reconcile.schema.json
    # Proposed by `reconcile init` from tables and samples of rows. Read it and change it: it is yours.
    apiVersion: reconcile/v1
    kind: Module
    metadata:
      name: cms-page
    spec:
      title: Cms page
      records:
        - table: cms_page
          identity: [slug]  # unique
          label: title  # what reviewers see
          updated: updated_at  # a target newer than the source is pointed out
          created: created_at  # equal on both sides: another identity is a rename
          ignore: [updated_at]  # saving without a change is no difference
          # keep: {views: default}  # each environment's own?
          # author_id refers to auth_user (never synchronized: users): its rows are recognised by
          # username
          owns:
            - table: cms_page_block  # deleted with its cms_page
              identity: [position]  # unique within its parent
            - table: cms_page_translation  # deleted with its cms_page
              identity: [locale]  # unique within its parent
    "#);
    }
    let said = user.reconcile(&["validate", "--connect"]).ends_with(0);
    assert_eq!(said.out, "10 modules and 1 job are valid\n");
    let said = user.reconcile(&["plan", "test-to-prod"]).ends_with(0);
    let last = said.out.lines().last().unwrap();
    assert_eq!(last, "Plan: 12 new, 21 modified, 2 deleted, 3 conflict, 30 unchanged");
    user.remove().await;
}

#[tokio::test]
async fn the_demo_shop_on_sqlite() {
    let user = User::on_sqlite(&shop(PROD), &shop(TEST)).await;
    the_demo_shop_is_described_and_compared(user).await;
}

#[tokio::test]
async fn the_demo_shop_on_postgres() {
    let Some(user) = User::on_postgres(&shop(PROD), &shop(TEST)).await else { return };
    the_demo_shop_is_described_and_compared(user).await;
}

#[tokio::test]
async fn files_that_are_there_stay_as_they_are() {
    let user = User::on_sqlite(SCHEMA, SCHEMA).await;
    let menu = user.folder.path().join("manifests/modules/menu.yaml");
    fs::create_dir_all(menu.parent().unwrap()).unwrap();
    fs::write(&menu, "# mine").unwrap();
    fs::write(user.folder.path().join("reconcile.yaml"), "# mine too").unwrap();
    let said = user.reconcile(&["init"]).ends_with(0);
    assert!(said.out.contains("left as it is reconcile.yaml\n"), "{}", said.out);
    assert!(said.out.contains("left as it is manifests/modules/menu.yaml\n"), "{}", said.out);
    assert_eq!(fs::read_to_string(&menu).unwrap(), "# mine");
    assert_eq!(user.file("reconcile.yaml"), "# mine too");
    assert!(Path::new(&user.folder.path().join("manifests/modules/media.yaml")).exists());
}

const ODD: &str = r#"
CREATE TABLE auth_user (id INTEGER PRIMARY KEY, username VARCHAR(9) NOT NULL UNIQUE);
CREATE TABLE profile (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE, bio TEXT);
CREATE TABLE "Weird: name #1" (id INTEGER PRIMARY KEY, "yes" VARCHAR(9) NOT NULL UNIQUE, "e-mail: x" TEXT);
CREATE TABLE nokey (a INTEGER, b INTEGER);
CREATE TABLE measured (at REAL PRIMARY KEY, b INTEGER);
CREATE TABLE unique_only (code VARCHAR(9) NOT NULL UNIQUE, b INTEGER);
CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INTEGER NOT NULL REFERENCES b (id) ON DELETE CASCADE);
CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER NOT NULL REFERENCES a (id) ON DELETE CASCADE);
CREATE TABLE article (id INTEGER PRIMARY KEY, name TEXT NOT NULL, contact_email TEXT, author_id INTEGER REFERENCES auth_user (id));
CREATE TABLE tag (id INTEGER PRIMARY KEY, slug VARCHAR(9) NOT NULL UNIQUE);
CREATE TABLE tagged (id INTEGER PRIMARY KEY, article_id INTEGER NOT NULL REFERENCES article (id), tag_id INTEGER NOT NULL REFERENCES tag (id));
CREATE TABLE shelf (id INTEGER PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE);
CREATE TABLE user_shelf (id INTEGER PRIMARY KEY, shelf_id INTEGER NOT NULL REFERENCES shelf (id) ON DELETE CASCADE);
CREATE TABLE article_search (id INTEGER PRIMARY KEY, words TEXT);
"#;

#[tokio::test]
async fn what_cannot_be_decided_is_said() {
    let later = format!("{ODD} CREATE TABLE newer (id INTEGER PRIMARY KEY);");
    let user = User::on_sqlite(ODD, &later).await;
    user.reconcile(&["init"]).ends_with(0);
    let said = user.reconcile(&["validate", "--connect"]).ends_with(0);
    assert!(said.out.ends_with("are valid\n"), "{}", said.out);
    user.reconcile(&["plan", "test-to-prod"]).ends_with(0);
    let operator = user.file("reconcile.yaml");
    insta::assert_snapshot!(operator.split_once("tables:").unwrap().1, @r#"

      # What manifests may reach; everything else is refused, whatever they say.
      allow:
        - "Weird: name #1"
        - a
        - article
        - b
        - tag
        - tagged
        - unique_only
      # Columns whose values reviews never show, only that they changed.
      redact: ["article.contact_email"]
      # How rows outside every module are recognised on the other side.
      # match: {site: [domain]}
      # Left out, for these reasons:
      # article_search: looks like something the application makes again by itself
      # auth_user: never synchronized: users
      # measured: its key is a float
      # newer: PROD has no such table
      # nokey: it has no primary key, so its rows can't be told apart
      # profile: its rows belong to auth_user (never synchronized: users)
      # shelf: the table `user_shelf`, which `shelf` reaches by ON DELETE CASCADE, is never
      # synchronized: users
      # user_shelf: never synchronized: users
    # Of what one run may write; percent of a table's rows, above 10 deletions.
    limits: {maxChanges: 10000, maxDeletes: 50, maxDeletePercent: 10}
    "#);
    insta::assert_snapshot!(user.file("manifests/modules/article.yaml"), @r#"
    # yaml-language-server: $schema=../../schemas/reconcile.schema.json
    # Proposed by `reconcile init` from tables and samples of rows. Read it and change it: it is yours.
    apiVersion: reconcile/v1
    kind: Module
    metadata:
      name: article
    spec:
      title: Article
      records:
        - table: article
          # no unique key says what makes a row the same thing on both sides, so that is its ID alone;
          # if you know better: identity: [name]
          label: name  # what reviewers see
          # author_id refers to auth_user (never synchronized: users): its rows are recognised by
          # username
          owns:
            - table: tagged  # links article to something else
              # links: what they refer to is their identity
    "#);
    insta::assert_snapshot!(user.file("manifests/modules/weird-name-1.yaml"), @r#"
    # yaml-language-server: $schema=../../schemas/reconcile.schema.json
    # Proposed by `reconcile init` from tables and samples of rows. Read it and change it: it is yours.
    apiVersion: reconcile/v1
    kind: Module
    metadata:
      name: weird-name-1
    spec:
      title: "Weird name 1"
      records:
        - table: "Weird: name #1"
          identity: ["yes"]  # unique
          label: "yes"  # what reviewers see
    "#);
    insta::assert_snapshot!(user.file("manifests/modules/unique-only.yaml"), @r#"
    # yaml-language-server: $schema=../../schemas/reconcile.schema.json
    # Proposed by `reconcile init` from tables and samples of rows. Read it and change it: it is yours.
    apiVersion: reconcile/v1
    kind: Module
    metadata:
      name: unique-only
    spec:
      title: Unique only
      records:
        - table: unique_only
          key: [code]  # there is no primary key
          identity: [code]  # unique
          label: code  # what reviewers see
    "#);
}

#[tokio::test]
async fn one_database_twice_or_none_at_all_is_refused() {
    let user = User::on_sqlite(SCHEMA, SCHEMA).await;
    let said = user.reconcile(&["init", "--test", &user.prod.url]).ends_with(1);
    assert!(said.err.contains("the same database"), "{}", said.err);
    let folder = user.folder.path();
    let said = run(folder, env!("CARGO_BIN_EXE_reconcile"), &["init"], &[]).ends_with(1);
    assert!(said.err.contains("PROD's database isn't named"), "{}", said.err);
    assert!(said.err.contains("PROD_DATABASE_URL"), "{}", said.err);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

/// A content system without a foreign key: trees, pairs of type and ID, IDs in text.
const KEYLESS: &str = r#"
CREATE TABLE app_user (id INTEGER PRIMARY KEY, username VARCHAR(20) NOT NULL UNIQUE);
CREATE TABLE categories (id INTEGER PRIMARY KEY, path VARCHAR(40) NOT NULL UNIQUE, numchild INTEGER NOT NULL, name VARCHAR(20) NOT NULL);
CREATE TABLE product (id INTEGER PRIMARY KEY, sku VARCHAR(20) NOT NULL UNIQUE, category_id INTEGER NOT NULL, author INTEGER NOT NULL, parent_id INTEGER NOT NULL, latest INTEGER, hits INTEGER NOT NULL, warehouse_id INTEGER);
CREATE TABLE version (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, number INTEGER NOT NULL, address VARCHAR(40) NOT NULL);
CREATE TABLE warehouse (id INTEGER PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE);
CREATE TABLE note (id INTEGER PRIMARY KEY, owner_type VARCHAR(20) NOT NULL, owner_id INTEGER NOT NULL, words VARCHAR(99));
CREATE TABLE product_shelf (product_id INTEGER NOT NULL, place VARCHAR(9) NOT NULL, filled_from INTEGER NOT NULL, PRIMARY KEY (product_id, place));
INSERT INTO app_user VALUES (7, 'ann'), (8, 'ben'), (9, 'cai');
INSERT INTO categories VALUES (101, '0001', 2, 'a'), (102, '00010001', 0, 'b'), (103, '00010002', 1, 'c'), (104, '000100020001', 0, 'd');
INSERT INTO warehouse VALUES (501, 'main');
INSERT INTO product VALUES (11, 'p1', 101, 7, 0, 901, 5, 501), (12, 'p2', 102, 8, 11, 902, 6, 777), (13, 'p3', 104, 9, 0, 904, 7, NULL);
INSERT INTO version VALUES (901, 11, 1, 'cat:101'), (902, 12, 1, 'cat:102'), (903, 13, 1, 'cat:103'), (904, 13, 2, 'cat:104');
INSERT INTO note VALUES (1, 'product', 11, 'x'), (2, 'category', 101, 'y'), (3, 'Product', 12, 'z'), (4, 'coupon', 3, 'w');
INSERT INTO product_shelf VALUES (11, 'a', 11), (12, 'a', 12), (13, 'a', 13), (11, 'b', 901);
"#;

async fn what_rows_show_is_proposed_with_the_counts(user: User) {
    user.reconcile(&["init"]).ends_with(0);
    let said = user.reconcile(&["validate", "--connect"]).ends_with(0);
    assert!(said.out.ends_with("are valid\n"), "{}", said.out);
    let body = |name: &str| {
        let text = user.file(&format!("manifests/modules/{name}.yaml"));
        text.split_once("records:\n").unwrap().1.to_owned()
    };
    insta::allow_duplicates! {
    insta::assert_snapshot!(body("product"), @r#"
    - table: product
      identity: [sku]  # unique
      label: sku  # what reviewers see
      references:
        author: app_user  # named after a person, and its values are keys: PROD 3 of 3, TEST 3 of 3
        category_id: categories  # named after categories, and its values are keys: PROD 3 of 3, TEST 3 of 3
        latest: version  # named after the newest version, and its values are keys: PROD 3 of 3, TEST 3 of 3; if the application finds it again by itself, reset it instead
        parent_id: {table: product, none: 0}  # named after another row of this table, and its values are keys: PROD 1 of 1, TEST 1 of 1
        # warehouse_id: warehouse  # named after warehouse, but not all its values are keys: PROD 1 of 2, TEST 1 of 2
      # keep: {hits: source}  # each environment's own?
      # author refers to app_user (never synchronized: users): its rows are recognised by username
      owns:
        - table: product_shelf  # named after product, and never without one
          by: product_id  # its values are the parent's keys; no foreign key says so
          identity: [place]  # unique within its parent
      #   - {table: note, by: {owner_id: id, owner_type: {equals: Product}}}  # its rows name rows of this table: do they belong to them?
      #   - {table: note, by: {owner_id: id, owner_type: {equals: product}}}  # its rows name rows of this table: do they belong to them?
    "#);
    insta::assert_snapshot!(body("version"), @r#"
    - table: version
      # no unique key says what makes a row the same thing on both sides, so that is its ID alone;
      # if you know better: identity: [COLUMN]
      label: address  # what reviewers see
      references:
        product_id: product  # named after product, and its values are keys: PROD 3 of 3, TEST 3 of 3
        # "address~^cat:(\\d+)$": categories  # its numbers are keys of categories alone: PROD 4 of 4, TEST 4 of 4
    "#);
    }
    let note = body("note");
    for line in [
        "- {table: product, when: {owner_type: {equals: Product}}}  # its keys: PROD 1 of 1, TEST 1 of 1\n",
        "- {table: categories, when: {owner_type: {equals: category}}}  # its keys: PROD 1 of 1, TEST 1 of 1\n",
        "- {table: TABLE, when: {owner_type: {equals: coupon}}}  # no table is named so\n",
    ] {
        assert!(note.contains(line), "{note}");
    }
    let categories = body("categories");
    let tree = "tree: {path: path, step: 4}  # each path less its last step is a row's: PROD 2 of 2, TEST 2 of 2\n";
    assert!(categories.contains(tree), "{categories}");
    assert!(categories.contains("no unique key says"), "a path is no identity: {categories}");
    assert!(categories.contains("# numchild counts the rows below a row"), "{categories}");
    user.remove().await;
}

#[tokio::test]
async fn rows_without_foreign_keys_on_sqlite() {
    let more = format!("{KEYLESS} INSERT INTO warehouse VALUES (502, 'far');");
    let user = User::on_sqlite(KEYLESS, &more).await;
    what_rows_show_is_proposed_with_the_counts(user).await;
}

#[tokio::test]
async fn rows_without_foreign_keys_on_postgres() {
    let more = format!("{KEYLESS} INSERT INTO warehouse VALUES (502, 'far');");
    let Some(user) = User::on_postgres(KEYLESS, &more).await else { return };
    what_rows_show_is_proposed_with_the_counts(user).await;
}

#[tokio::test]
async fn rows_without_foreign_keys_on_mariadb() {
    let more = format!("{KEYLESS} INSERT INTO warehouse VALUES (502, 'far');");
    let Some(user) = User::on_mariadb(KEYLESS, &more).await else { return };
    what_rows_show_is_proposed_with_the_counts(user).await;
}

#[tokio::test]
async fn of_large_tables_both_ends_are_looked_into() {
    let rows = |table: &str, columns: &str| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
             INSERT INTO {table} SELECT {columns} FROM n;"
        )
    };
    let script = format!(
        "CREATE TABLE brand (id INTEGER PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE); \
         CREATE TABLE article (id INTEGER PRIMARY KEY, name VARCHAR(9), brand_id INTEGER NOT NULL); {}{}",
        rows("brand", "i, 'b' || i"),
        rows("article", "i, 'a' || i, i"),
    );
    // Below the middle nobody looks; the last one is seen.
    let test = format!("{script} UPDATE article SET brand_id = 9999 WHERE id = 3000;");
    let user = User::on_sqlite(&script, &test).await;
    user.reconcile(&["init"]).ends_with(0);
    let article = user.file("manifests/modules/article.yaml");
    let told = "#   brand_id: brand  # named after brand, but not all its values are keys: PROD 1000 of 1000, TEST 999 of 1000\n";
    assert!(article.contains(told), "{article}");
}
