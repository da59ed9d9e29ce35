-- A small shop for beauty products, the same on PROD and TEST. Written in the part of SQL that
-- SQLite and PostgreSQL share. First what people prepare and synchronize, then what never is, then
-- what is published.

-- People who edit the shop. Never synchronized; pages only refer to them.
CREATE TABLE auth_user (
    id INTEGER PRIMARY KEY,
    username VARCHAR(40) NOT NULL UNIQUE,
    email VARCHAR(120) NOT NULL,
    password_hash VARCHAR(80) NOT NULL,
    is_staff BOOLEAN NOT NULL DEFAULT FALSE
);

-- ---------------------------------------------------------------------------------------------
-- Synchronized
-- ---------------------------------------------------------------------------------------------

CREATE TABLE media (
    id INTEGER PRIMARY KEY,
    path VARCHAR(200) NOT NULL UNIQUE,
    alt VARCHAR(200),
    width INTEGER NOT NULL,
    height INTEGER NOT NULL
);

CREATE TABLE cms_page (
    id INTEGER PRIMARY KEY,
    slug VARCHAR(80) NOT NULL UNIQUE,
    title VARCHAR(200) NOT NULL,
    template VARCHAR(20) NOT NULL DEFAULT 'default',
    hero_media_id INTEGER REFERENCES media (id),
    author_id INTEGER REFERENCES auth_user (id),
    published BOOLEAN NOT NULL DEFAULT FALSE,
    views INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE cms_page_block (
    id INTEGER PRIMARY KEY,
    page_id INTEGER NOT NULL REFERENCES cms_page (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind VARCHAR(20) NOT NULL,
    body TEXT NOT NULL,
    settings JSON,
    UNIQUE (page_id, position)
);

CREATE TABLE cms_page_translation (
    id INTEGER PRIMARY KEY,
    page_id INTEGER NOT NULL REFERENCES cms_page (id) ON DELETE CASCADE,
    locale VARCHAR(5) NOT NULL,
    title VARCHAR(200) NOT NULL,
    UNIQUE (page_id, locale)
);

CREATE TABLE category (
    id INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES category (id),
    slug VARCHAR(80) NOT NULL,
    name VARCHAR(120) NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (parent_id, slug)
);

CREATE TABLE attribute (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    name VARCHAR(120) NOT NULL
);

CREATE TABLE attribute_value (
    id INTEGER PRIMARY KEY,
    attribute_id INTEGER NOT NULL REFERENCES attribute (id),
    code VARCHAR(40) NOT NULL,
    name VARCHAR(120) NOT NULL,
    UNIQUE (attribute_id, code)
);

CREATE TABLE product (
    id INTEGER PRIMARY KEY,
    sku VARCHAR(20) NOT NULL UNIQUE,
    name VARCHAR(200) NOT NULL,
    description TEXT NOT NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    media_id INTEGER REFERENCES media (id),
    purchase_price DECIMAL(10,2) NOT NULL,
    stock INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE product_variant (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES product (id),
    sku VARCHAR(20) NOT NULL UNIQUE,
    name VARCHAR(120) NOT NULL,
    stock INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE product_price (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES product (id),
    currency CHAR(3) NOT NULL,
    amount DECIMAL(10,2) NOT NULL,
    amount_before DECIMAL(10,2),
    UNIQUE (product_id, currency)
);

CREATE TABLE product_attribute_value (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES product (id),
    attribute_value_id INTEGER NOT NULL REFERENCES attribute_value (id),
    UNIQUE (product_id, attribute_value_id)
);

CREATE TABLE product_category (
    product_id INTEGER NOT NULL REFERENCES product (id),
    category_id INTEGER NOT NULL REFERENCES category (id),
    PRIMARY KEY (product_id, category_id)
);

CREATE TABLE product_relation (
    product_id INTEGER NOT NULL REFERENCES product (id),
    related_product_id INTEGER NOT NULL REFERENCES product (id),
    kind VARCHAR(20) NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (product_id, related_product_id, kind)
);

CREATE TABLE landing_page (
    id INTEGER PRIMARY KEY,
    slug VARCHAR(80) NOT NULL UNIQUE,
    title VARCHAR(200) NOT NULL,
    published BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE landing_page_section (
    id INTEGER PRIMARY KEY,
    landing_page_id INTEGER NOT NULL REFERENCES landing_page (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind VARCHAR(20) NOT NULL,
    content JSON NOT NULL,
    media_id INTEGER REFERENCES media (id),
    product_id INTEGER REFERENCES product (id),
    UNIQUE (landing_page_id, position)
);

CREATE TABLE slider (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    name VARCHAR(120) NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE slider_slide (
    id INTEGER PRIMARY KEY,
    slider_id INTEGER NOT NULL REFERENCES slider (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    headline VARCHAR(200) NOT NULL,
    media_id INTEGER NOT NULL REFERENCES media (id),
    page_id INTEGER REFERENCES cms_page (id),
    UNIQUE (slider_id, position)
);

CREATE TABLE banner (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    headline VARCHAR(200) NOT NULL,
    media_id INTEGER REFERENCES media (id),
    page_id INTEGER REFERENCES cms_page (id),
    starts_on DATE,
    ends_on DATE,
    clicks INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE menu (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    name VARCHAR(120) NOT NULL
);

CREATE TABLE menu_item (
    id INTEGER PRIMARY KEY,
    menu_id INTEGER NOT NULL REFERENCES menu (id),
    parent_id INTEGER REFERENCES menu_item (id),
    code VARCHAR(40) NOT NULL,
    label VARCHAR(120) NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    page_id INTEGER REFERENCES cms_page (id),
    category_id INTEGER REFERENCES category (id),
    landing_page_id INTEGER REFERENCES landing_page (id),
    UNIQUE (menu_id, code)
);

-- Of these rows only the mobile app's are ever synchronized, with the gallery folders they need.
CREATE TABLE system_config (
    id INTEGER PRIMARY KEY,
    path VARCHAR(200) NOT NULL UNIQUE,
    value TEXT
);

-- ---------------------------------------------------------------------------------------------
-- Never synchronized
-- ---------------------------------------------------------------------------------------------

-- How much of each SKU can be bought right now: of a variant, or of a product that has none.
CREATE TABLE availability (
    id INTEGER PRIMARY KEY,
    sku VARCHAR(20) NOT NULL UNIQUE,
    quantity INTEGER NOT NULL DEFAULT 0,
    never_out_of_stock BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE title (
    id INTEGER PRIMARY KEY,
    name VARCHAR(20) NOT NULL UNIQUE
);

CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    title_id INTEGER REFERENCES title (id),
    email VARCHAR(120) NOT NULL UNIQUE,
    name VARCHAR(120) NOT NULL
);

CREATE TABLE payment_type (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    gateway VARCHAR(120) NOT NULL
);

CREATE TABLE delivery_type (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    cost DECIMAL(10,2) NOT NULL
);

CREATE TABLE promo_code (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    percent INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    code VARCHAR(40) NOT NULL UNIQUE,
    promo_code_id INTEGER REFERENCES promo_code (id)
);

CREATE TABLE "order" (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer (id),
    payment_type_id INTEGER NOT NULL REFERENCES payment_type (id),
    delivery_type_id INTEGER NOT NULL REFERENCES delivery_type (id),
    total DECIMAL(10,2) NOT NULL,
    placed_at TIMESTAMP NOT NULL
);

-- No cascade: a product that was ever ordered can't vanish from under its orders.
CREATE TABLE order_line (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES "order" (id),
    product_id INTEGER NOT NULL REFERENCES product (id),
    variant_id INTEGER REFERENCES product_variant (id),
    quantity INTEGER NOT NULL,
    price DECIMAL(10,2) NOT NULL
);

CREATE TABLE review (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES product (id),
    customer_id INTEGER NOT NULL REFERENCES customer (id),
    stars INTEGER NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE translation (
    id INTEGER PRIMARY KEY,
    locale VARCHAR(5) NOT NULL,
    message VARCHAR(80) NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (locale, message)
);

CREATE TABLE seo_setting (
    id INTEGER PRIMARY KEY,
    path VARCHAR(200) NOT NULL UNIQUE,
    robots VARCHAR(40) NOT NULL
);

CREATE TABLE beauty_advisor_question (
    id INTEGER PRIMARY KEY,
    position INTEGER NOT NULL UNIQUE,
    question TEXT NOT NULL
);

-- ---------------------------------------------------------------------------------------------
-- Published: documents, made of the tables above by `reconcile publish:trigger-events`
-- ---------------------------------------------------------------------------------------------

CREATE TABLE cms_page_storage (
    id_cms_page_storage INTEGER PRIMARY KEY,
    fk_cms_page INTEGER NOT NULL,
    data TEXT NOT NULL,
    "key" VARCHAR(255) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (fk_cms_page, "key")
);

CREATE TABLE cms_page_search (
    id_cms_page_search INTEGER PRIMARY KEY,
    fk_cms_page INTEGER NOT NULL,
    data TEXT NOT NULL,
    structured_data TEXT NOT NULL,
    "key" VARCHAR(255) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (fk_cms_page, "key")
);

CREATE TABLE cms_block_storage (
    id_cms_block_storage INTEGER PRIMARY KEY,
    fk_cms_page_block INTEGER NOT NULL,
    data TEXT NOT NULL,
    "key" VARCHAR(255) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (fk_cms_page_block, "key")
);

CREATE TABLE product_storage (
    id_product_storage INTEGER PRIMARY KEY,
    fk_product INTEGER NOT NULL,
    data TEXT NOT NULL,
    "key" VARCHAR(255) NOT NULL UNIQUE,
    alias_keys TEXT,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (fk_product, "key")
);

CREATE TABLE product_search (
    id_product_search INTEGER PRIMARY KEY,
    fk_product INTEGER NOT NULL,
    data TEXT NOT NULL,
    structured_data TEXT NOT NULL,
    "key" VARCHAR(255) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (fk_product, "key")
);

CREATE TABLE availability_storage (
    id_availability_storage INTEGER PRIMARY KEY,
    fk_availability INTEGER NOT NULL,
    data TEXT NOT NULL,
    "key" VARCHAR(255) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (fk_availability, "key")
);
