-- The shop on 2 November 2026, when TEST was last copied from PROD. Both environments start here;
-- prod.sql and test.sql hold what happened on each of them afterwards.

INSERT INTO auth_user (id, username, email, password_hash, is_staff) VALUES
    (1, 'admin', 'admin@shop.example', 'pbkdf2$demo-1', TRUE),
    (2, 'anna', 'anna@shop.example', 'pbkdf2$demo-2', TRUE),
    (3, 'piotr', 'piotr@shop.example', 'pbkdf2$demo-3', TRUE);

INSERT INTO media (id, path, alt, width, height) VALUES
    (1, 'pages/team.jpg', 'Our team in the workshop', 1600, 900),
    (2, 'pages/skin-care.jpg', 'Three steps on a shelf', 1600, 900),
    (3, 'sliders/autumn-leaves.jpg', 'Autumn leaves', 1920, 720),
    (4, 'sliders/gift-sets.jpg', 'Gift sets in craft paper', 1920, 720),
    (5, 'banners/samples.jpg', 'Free samples', 640, 320),
    (6, 'banners/autumn-sale.jpg', 'Autumn sale', 640, 320),
    (7, 'products/day-cream.jpg', 'Day cream in a glass jar', 1000, 1000),
    (8, 'products/night-cream.jpg', 'Night cream in a glass jar', 1000, 1000),
    (9, 'products/cleanser.jpg', NULL, 1000, 1000),
    (10, 'products/lip-balm.jpg', 'Lip balm', 1000, 1000),
    (11, 'products/sunscreen.jpg', 'Sunscreen', 1000, 1000),
    (12, 'products/hand-cream.jpg', 'Hand cream', 1000, 1000),
    (13, 'products/serum.jpg', 'Vitamin C serum', 1000, 1000);

INSERT INTO cms_page
    (id, slug, title, template, hero_media_id, author_id, published, views, created_at, updated_at)
VALUES
    (1, 'about-us', 'About us', 'default', 1, 1, TRUE, 4210, '2024-02-01 09:00:00', '2026-05-11 10:12:00'),
    (2, 'returns', 'Returns', 'default', NULL, 1, TRUE, 1804, '2024-02-01 09:20:00', '2025-08-30 08:00:00'),
    (3, 'contact', 'Contact', 'default', NULL, 1, TRUE, 2950, '2024-02-01 09:45:00', '2026-01-07 15:30:00'),
    (12, 'skin-care-guide', 'Skin care in three steps', 'guide', 2, 2, TRUE, 7733, '2024-09-16 11:00:00', '2026-08-21 13:05:00'),
    (31, 'autumn', 'Autumn care', 'guide', NULL, 2, TRUE, 1190, '2026-08-28 10:00:00', '2026-09-02 09:40:00'),
    (33, 'summer-sale', 'Summer sale', 'default', NULL, 3, FALSE, 5021, '2026-06-10 08:30:00', '2026-07-31 23:59:00'),
    (40, 'maintenance', 'Back in a minute', 'internal', NULL, 1, TRUE, 12, '2024-02-02 07:00:00', '2024-02-02 07:00:00');

INSERT INTO cms_page_block (id, page_id, position, kind, body, settings) VALUES
    (51, 1, 1, 'text', 'We make skin care in small batches near Kraków.', '{"width": "narrow"}'),
    (52, 1, 2, 'quote', 'Nothing you could not pronounce.', NULL),
    (53, 2, 1, 'text', 'Unopened products come back within 30 days.', NULL),
    (54, 3, 1, 'text', 'Write to hello@shop.example, we answer within a day.', NULL),
    (55, 12, 1, 'steps', 'Cleanse in the evening.
Apply serum on damp skin.
Finish with a cream for your skin type.', '{"layout": "list", "columns": 1, "cta": {"label": "See creams", "category": "creams"}}'),
    (56, 12, 2, 'text', 'Sensitive skin needs fewer products, not more.', NULL),
    (57, 31, 1, 'text', 'Richer creams for colder days.', NULL),
    (58, 33, 1, 'text', 'Up to 30% off until the end of July.', '{"background": "sand"}'),
    (59, 40, 1, 'text', 'We are updating the shop.', NULL);

INSERT INTO cms_page_translation (id, page_id, locale, title) VALUES
    (1, 1, 'pl', 'O nas'),
    (2, 3, 'pl', 'Kontakt'),
    (3, 33, 'pl', 'Letnia wyprzedaż');

INSERT INTO category (id, parent_id, slug, name, position, created_at) VALUES
    (1, NULL, 'face', 'Face', 1, '2024-02-01 08:00:00'),
    (2, NULL, 'body', 'Body', 2, '2024-02-01 08:00:10'),
    (3, NULL, 'make-up', 'Make-up', 3, '2024-02-01 08:00:20'),
    (11, 1, 'creams', 'Creams', 1, '2024-02-01 08:01:00'),
    (12, 1, 'cleansing', 'Cleansing', 2, '2024-02-01 08:01:10'),
    (13, 2, 'hands', 'Hands', 1, '2024-02-01 08:02:00'),
    (14, 2, 'sun-care', 'Sun care', 2, '2024-02-01 08:02:10'),
    (15, 3, 'lips', 'Lips', 1, '2024-02-01 08:03:00');

INSERT INTO attribute (id, code, name) VALUES
    (1, 'skin-type', 'Skin type'),
    (2, 'spf', 'Sun protection factor');

INSERT INTO attribute_value (id, attribute_id, code, name) VALUES
    (1, 1, 'dry', 'Dry'),
    (2, 1, 'oily', 'Oily'),
    (3, 1, 'sensitive', 'Sensitive'),
    (4, 2, '15', 'SPF 15'),
    (5, 2, '30', 'SPF 30');

INSERT INTO product
    (id, sku, name, description, active, media_id, purchase_price, stock, created_at, updated_at)
VALUES
    (101, 'AB-101', 'Day cream', 'Light cream with oat and SPF 15.', TRUE, 7, 21.40, 130, '2024-02-05 10:00:00', '2026-03-01 09:00:00'),
    (102, 'AB-102', 'Night cream', 'Rich cream with plum seed oil.', TRUE, 8, 24.00, 85, '2024-02-05 10:10:00', '2026-03-01 09:05:00'),
    (103, 'AB-103', 'Gel cleanser', 'Foams little, cleans well.', TRUE, 9, 12.75, 64, '2024-02-05 10:20:00', '2026-03-01 09:10:00'),
    (104, 'AB-104', 'Lip balm', 'Beeswax and rose.', TRUE, 10, 4.20, 410, '2024-05-20 12:00:00', '2026-03-01 09:15:00'),
    (105, 'AB-105', 'Sunscreen', 'Mineral filter, no white cast.', TRUE, 11, 18.90, 22, '2024-05-20 12:10:00', '2026-06-01 07:00:00'),
    (106, 'AB-106', 'Hand cream', 'Last pieces, the recipe is going.', TRUE, 12, 6.10, 9, '2024-05-20 12:20:00', '2026-10-01 16:00:00'),
    (107, 'AB-107', 'Vitamin C serum', 'Ten per cent, stable for a year.', TRUE, 13, 30.00, 48, '2025-01-13 09:30:00', '2026-03-01 09:30:00');

INSERT INTO product_variant (id, product_id, sku, name, stock) VALUES
    (201, 101, 'AB-101-50', '50 ml', 90),
    (202, 101, 'AB-101-100', '100 ml', 40),
    (203, 104, 'AB-104-R', 'Rose', 300),
    (204, 104, 'AB-104-C', 'Clear', 110),
    (205, 106, 'AB-106-75', '75 ml', 9);

INSERT INTO product_price (id, product_id, currency, amount, amount_before) VALUES
    (301, 101, 'PLN', 89.90, NULL),
    (302, 101, 'EUR', 20.90, NULL),
    (303, 102, 'PLN', 99.00, NULL),
    (304, 103, 'PLN', 49.00, NULL),
    (305, 104, 'PLN', 19.90, NULL),
    (306, 105, 'PLN', 79.00, NULL),
    (307, 106, 'PLN', 14.90, 29.90),
    (308, 107, 'PLN', 119.00, NULL);

INSERT INTO product_attribute_value (id, product_id, attribute_value_id) VALUES
    (1, 101, 1),
    (2, 101, 4),
    (3, 102, 1),
    (4, 103, 2),
    (5, 105, 5),
    (6, 107, 3);

INSERT INTO product_category (product_id, category_id) VALUES
    (101, 11), (102, 11), (103, 12), (104, 15), (105, 14), (106, 13), (107, 11);

INSERT INTO product_relation (product_id, related_product_id, kind, position) VALUES
    (101, 102, 'goes-with', 1),
    (102, 101, 'goes-with', 1),
    (103, 107, 'next-step', 1);

INSERT INTO landing_page (id, slug, title, published, created_at, updated_at) VALUES
    (1, 'gift-sets', 'Gift sets', TRUE, '2025-11-03 10:00:00', '2025-11-20 10:00:00');

INSERT INTO landing_page_section (id, landing_page_id, position, kind, content, media_id, product_id) VALUES
    (1, 1, 1, 'hero', '{"heading": "Packed by hand"}', 4, NULL),
    (2, 1, 2, 'product', '{"heading": "Most given", "badge": null}', NULL, 104);

INSERT INTO slider (id, code, name, updated_at) VALUES
    (1, 'home', 'Home page', '2026-09-01 08:00:00'),
    (2, 'sets', 'Gift sets', '2025-11-03 11:00:00');

INSERT INTO slider_slide (id, slider_id, position, headline, media_id, page_id) VALUES
    (1, 1, 1, 'Autumn care is here', 3, 31),
    (2, 1, 2, 'Skin care in three steps', 2, 12),
    (3, 2, 1, 'Gift sets', 4, NULL);

INSERT INTO banner (id, code, headline, media_id, page_id, starts_on, ends_on, clicks) VALUES
    (1, 'free-samples', 'Two free samples with every parcel', 5, NULL, NULL, NULL, 318),
    (2, 'guide', 'New to skin care?', 2, 12, NULL, NULL, 96),
    (3, 'autumn-sale', 'Autumn sale', 6, 31, '2026-09-15', '2026-10-31', 742);

INSERT INTO menu (id, code, name) VALUES
    (1, 'main', 'Main menu'),
    (2, 'footer', 'Footer');

INSERT INTO menu_item
    (id, menu_id, parent_id, code, label, position, page_id, category_id, landing_page_id)
VALUES
    (1, 1, NULL, 'face', 'Face', 1, NULL, 1, NULL),
    (2, 1, NULL, 'body', 'Body', 2, NULL, 2, NULL),
    (3, 1, NULL, 'make-up', 'Make-up', 3, NULL, 3, NULL),
    (4, 1, NULL, 'gift-sets', 'Gift sets', 4, NULL, NULL, 1),
    (5, 1, 2, 'sun-care', 'Sun care', 1, NULL, 14, NULL),
    (6, 2, NULL, 'about-us', 'About us', 1, 1, NULL, NULL),
    (7, 2, NULL, 'contact', 'Contact', 2, 3, NULL, NULL),
    (8, 2, NULL, 'summer-sale', 'Summer sale', 3, 33, NULL, NULL);

INSERT INTO system_config (id, path, value) VALUES
    (1, 'general/store_name', '"Alder & Bloom"'),
    (2, 'web/base_url', '"https://shop.example"'),
    (3, 'integrations/mobile_app/home_screen', '{"hero": "mobile_app/autumn.png", "tiles": ["creams", "lips"]}'),
    (4, 'integrations/mobile_app/onboarding', '{"steps": 3}');

INSERT INTO availability (id, sku, quantity, never_out_of_stock) VALUES
    (1, 'AB-101-50', 90, FALSE),
    (2, 'AB-101-100', 40, FALSE),
    (3, 'AB-102', 85, FALSE),
    (4, 'AB-103', 64, FALSE),
    (5, 'AB-104-R', 300, FALSE),
    (6, 'AB-104-C', 110, FALSE),
    (7, 'AB-105', 22, TRUE),
    (8, 'AB-106-75', 9, FALSE),
    (9, 'AB-107', 48, FALSE);

INSERT INTO title (id, name) VALUES (1, 'Ms'), (2, 'Mr');

INSERT INTO customer (id, title_id, email, name) VALUES
    (1, 1, 'maria@customers.example', 'Maria Nowak'),
    (2, 2, 'jan@customers.example', 'Jan Lis');

INSERT INTO payment_type (id, code, gateway) VALUES
    (1, 'card', 'https://pay.example/live'),
    (2, 'transfer', 'none');

INSERT INTO delivery_type (id, code, cost) VALUES (1, 'courier', 14.90), (2, 'locker', 9.90);

INSERT INTO promo_code (id, code, percent, used) VALUES (1, 'WELCOME10', 10, 210);

INSERT INTO campaign (id, code, promo_code_id) VALUES (1, 'newcomers', 1);

INSERT INTO "order" (id, customer_id, payment_type_id, delivery_type_id, total, placed_at) VALUES
    (5001, 1, 1, 2, 99.80, '2026-10-20 18:22:05'),
    (5002, 2, 2, 1, 113.90, '2026-10-29 07:10:44');

INSERT INTO order_line (id, order_id, product_id, variant_id, quantity, price) VALUES
    (7001, 5001, 101, 201, 1, 89.90),
    (7002, 5002, 102, NULL, 1, 99.00);

INSERT INTO review (id, product_id, customer_id, stars, body) VALUES
    (1, 101, 1, 5, 'The only cream that lasts my commute.');

INSERT INTO translation (id, locale, message, body) VALUES
    (1, 'en', 'cart.empty', 'Your bag is empty'),
    (2, 'pl', 'cart.empty', 'Twoja torba jest pusta');

INSERT INTO seo_setting (id, path, robots) VALUES (1, '/', 'index, follow');

INSERT INTO beauty_advisor_question (id, position, question) VALUES
    (1, 1, 'How does your skin feel in the morning?'),
    (2, 2, 'How much time do you take in the evening?');
