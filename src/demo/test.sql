-- What people did on TEST since the copy: they prepared the spring campaign.

INSERT INTO auth_user (id, username, email, password_hash, is_staff) VALUES
    (4, 'tester', 'tester@test.example', 'pbkdf2$demo-5', TRUE),
    (5, 'kasia', 'kasia@shop.example', 'pbkdf2$demo-6', TRUE);

INSERT INTO media (id, path, alt, width, height) VALUES
    (14, 'spring/hero.jpg', 'Birch leaves in morning light', 1600, 900),
    (15, 'spring/slide.jpg', 'Spring Glow serum on moss', 1920, 720),
    (16, 'spring/banner.jpg', 'Spring preview', 640, 320),
    (17, 'products/spring-glow.jpg', 'Spring Glow serum', 1000, 1000);
UPDATE media SET alt = 'Gel cleanser in a pump bottle' WHERE id = 9;

-- New pages. PROD has made a page 41 of its own, and a gift guide under another ID.
INSERT INTO cms_page
    (id, slug, title, template, hero_media_id, author_id, published, views, created_at, updated_at)
VALUES
    (41, 'spring', 'Spring at Alder & Bloom', 'default', 14, 4, TRUE, 9, '2026-11-03 09:00:00', '2026-11-12 16:20:00'),
    (42, 'spring-routine', 'A routine for spring', 'guide', 14, 5, TRUE, 4, '2026-11-03 10:30:00', '2026-11-12 16:45:00'),
    (44, 'gift-guide', 'The gift guide', 'guide', NULL, 2, TRUE, 2, '2026-11-11 09:10:00', '2026-11-11 11:00:00'),
    (45, 'refills', 'Bring your jar back', 'default', NULL, 2, TRUE, 1, '2026-11-13 10:00:00', '2026-11-13 10:40:00');
INSERT INTO cms_page_block (id, page_id, position, kind, body, settings) VALUES
    (60, 41, 1, 'hero', 'Light textures, fresh scents.', '{"height": "tall"}'),
    (61, 41, 2, 'text', 'From the first of March in the shop and online.', NULL),
    (62, 42, 1, 'steps', 'Cleanse.
One drop of Spring Glow.
Sunscreen, even when it rains.', '{"layout": "list", "columns": 1}'),
    (63, 42, 2, 'text', 'Ten minutes less in the bathroom.', NULL),
    (64, 44, 1, 'text', 'Something small for everyone, and one large thing.', NULL),
    (65, 45, 1, 'text', 'We refill jars of any size in the workshop.', NULL);
INSERT INTO cms_page_translation (id, page_id, locale, title) VALUES
    (4, 41, 'pl', 'Wiosna w Alder & Bloom'),
    (5, 42, 'pl', 'Wiosenna pielęgnacja');

UPDATE cms_page_block SET
    body = 'Cleanse in the evening.
Apply serum on damp skin, two drops are enough.
Finish with a cream for your skin type.
In the morning: sunscreen.',
    settings = '{"layout": "list", "columns": 2, "cta": {"label": "See serums", "category": "serums"}}'
WHERE id = 55;
UPDATE cms_page SET updated_at = '2026-11-12 15:00:00' WHERE id = 12;

-- PROD has corrected this page later.
UPDATE cms_page SET title = 'About Alder & Bloom', updated_at = '2026-11-05 10:00:00' WHERE id = 1;

-- Pages with the template `internal` belong to the environment; no one will see this in the plan.
UPDATE cms_page SET title = 'TEST is being copied' WHERE id = 40;

-- The summer sale goes, with the menu item that leads to it.
DELETE FROM menu_item WHERE id = 8;
DELETE FROM cms_page_translation WHERE page_id = 33;
DELETE FROM cms_page_block WHERE page_id = 33;
DELETE FROM cms_page WHERE id = 33;

-- Sun care moves from body to face, and serums get a category.
UPDATE category SET parent_id = 1, position = 4 WHERE id = 14;
INSERT INTO category (id, parent_id, slug, name, position, created_at) VALUES
    (16, 1, 'serums', 'Serums', 3, '2026-11-06 09:00:00');

INSERT INTO attribute_value (id, attribute_id, code, name) VALUES (6, 2, '50', 'SPF 50');

-- A new product.
INSERT INTO product
    (id, sku, name, description, active, media_id, purchase_price, stock, created_at, updated_at)
VALUES
    (108, 'AB-108', 'Spring Glow serum', 'Birch sap and niacinamide, with SPF 50.', TRUE, 17, 27.30, 999, '2026-11-06 10:00:00', '2026-11-12 12:00:00');
INSERT INTO product_variant (id, product_id, sku, name, stock) VALUES
    (206, 108, 'AB-108-15', '15 ml', 500),
    (207, 108, 'AB-108-30', '30 ml', 499);
INSERT INTO product_price (id, product_id, currency, amount, amount_before) VALUES
    (309, 108, 'PLN', 129.00, NULL),
    (310, 108, 'EUR', 29.90, NULL);
INSERT INTO product_attribute_value (id, product_id, attribute_value_id) VALUES (7, 108, 3), (8, 108, 6);
INSERT INTO product_category (product_id, category_id) VALUES (108, 16);
INSERT INTO product_relation (product_id, related_product_id, kind, position) VALUES
    (101, 108, 'goes-with', 2),
    (108, 101, 'goes-with', 1);

-- Day cream gets cheaper, lip balm gets another supplier, the serum its own category.
UPDATE product_price SET amount = 79.90, amount_before = 89.90 WHERE id = 301;
UPDATE product SET updated_at = '2026-11-12 12:10:00' WHERE id = 101;
UPDATE product SET description = 'Beeswax from the Beskids, and rose.', purchase_price = 3.85, updated_at = '2026-11-07 08:00:00' WHERE id = 104;
DELETE FROM product_category WHERE product_id = 107;
INSERT INTO product_category (product_id, category_id) VALUES (107, 16);
UPDATE product SET updated_at = '2026-11-06 09:05:00' WHERE id = 107;

-- Hand cream is sold out for good, as TEST sees it.
DELETE FROM product_price WHERE product_id = 106;
DELETE FROM product_variant WHERE product_id = 106;
DELETE FROM product_category WHERE product_id = 106;
DELETE FROM product WHERE id = 106;

INSERT INTO landing_page (id, slug, title, published, created_at, updated_at) VALUES
    (2, 'spring-glow', 'Spring Glow', TRUE, '2026-11-07 09:00:00', '2026-11-12 13:00:00');
INSERT INTO landing_page_section (id, landing_page_id, position, kind, content, media_id, product_id) VALUES
    (3, 2, 1, 'hero', '{"heading": "Glow is back"}', 14, NULL),
    (4, 2, 2, 'product', '{"heading": "One drop", "badge": "new"}', NULL, 108),
    (5, 2, 3, 'text', '{"heading": "What is in it", "lines": ["birch sap", "niacinamide"]}', NULL, NULL);

-- The home page slider leads to the new pages.
UPDATE slider_slide SET headline = 'Spring is nearly here', media_id = 15, page_id = 41 WHERE id = 1;
INSERT INTO slider_slide (id, slider_id, position, headline, media_id, page_id) VALUES
    (4, 1, 3, 'A routine for spring', 14, 42);
UPDATE slider SET updated_at = '2026-11-12 17:00:00' WHERE id = 1;

DELETE FROM banner WHERE id = 3;
INSERT INTO banner (id, code, headline, media_id, page_id, starts_on, ends_on, clicks) VALUES
    (4, 'spring-preview', 'Spring preview', 16, 42, '2027-02-15', '2027-03-31', 5);

UPDATE menu_item SET parent_id = 1, position = 2 WHERE id = 5;
INSERT INTO menu_item
    (id, menu_id, parent_id, code, label, position, page_id, category_id, landing_page_id)
VALUES
    (9, 1, NULL, 'spring', 'Spring', 5, 41, NULL, NULL),
    (10, 1, 9, 'spring-glow', 'Spring Glow', 1, NULL, NULL, 2);

UPDATE system_config SET value = '{"hero": "mobile_app/spring.png", "tiles": ["serums", "lips"]}' WHERE id = 3;

-- Everything below belongs to TEST and must never reach PROD.
UPDATE system_config SET value = '"https://test.shop.example"' WHERE id = 2;
UPDATE payment_type SET gateway = 'https://pay.example/sandbox' WHERE id = 1;
UPDATE delivery_type SET cost = 0 WHERE id = 1;
UPDATE seo_setting SET robots = 'noindex, nofollow' WHERE id = 1;
UPDATE translation SET body = '(TEST) Your bag is empty' WHERE id = 1;
UPDATE beauty_advisor_question SET question = 'How does your skin feel after winter?' WHERE id = 1;
INSERT INTO promo_code (id, code, percent, used) VALUES (2, 'TEST100', 100, 7);
INSERT INTO campaign (id, code, promo_code_id) VALUES (2, 'everything-free', 2);
INSERT INTO customer (id, title_id, email, name) VALUES (3, 2, 'robot@test.example', 'Test Robot');
INSERT INTO "order" (id, customer_id, payment_type_id, delivery_type_id, total, placed_at) VALUES
    (5003, 3, 1, 1, 0, '2026-11-08 01:00:00');
INSERT INTO order_line (id, order_id, product_id, variant_id, quantity, price) VALUES
    (7003, 5003, 101, 202, 10, 0);
UPDATE product SET stock = 5 WHERE id = 102;
UPDATE availability SET quantity = 5 WHERE id = 3;
INSERT INTO availability (id, sku, quantity, never_out_of_stock) VALUES
    (10, 'AB-108-15', 500, FALSE),
    (11, 'AB-108-30', 499, FALSE);
