-- What happened on PROD since the copy: customers bought, and two editors didn't wait for TEST.

-- Customers, orders, reviews, counters and stock move all the time. All of it must stay.
INSERT INTO customer (id, title_id, email, name) VALUES
    (3, 1, 'ewa@customers.example', 'Ewa Zając');
INSERT INTO "order" (id, customer_id, payment_type_id, delivery_type_id, total, placed_at) VALUES
    (5003, 3, 1, 2, 99.80, '2026-11-09 20:41:13'),
    (5004, 1, 1, 1, 44.70, '2026-11-17 12:03:30');
INSERT INTO order_line (id, order_id, product_id, variant_id, quantity, price) VALUES
    (7003, 5003, 101, 201, 1, 89.90),
    -- The last hand creams. TEST deletes the product; these lines keep it on PROD.
    (7004, 5004, 106, 205, 2, 14.90);
INSERT INTO review (id, product_id, customer_id, stars, body) VALUES
    (2, 106, 1, 4, 'Sad to see it go.');
UPDATE product SET stock = 129 WHERE id = 101;
UPDATE product SET stock = 7 WHERE id = 106;
UPDATE product SET stock = 61 WHERE id = 102;
UPDATE product_variant SET stock = 89 WHERE id = 201;
UPDATE product_variant SET stock = 7 WHERE id = 205;
UPDATE availability SET quantity = 89 WHERE id = 1;
UPDATE availability SET quantity = 61 WHERE id = 3;
UPDATE availability SET quantity = 7 WHERE id = 8;
UPDATE cms_page SET views = views + 240;
UPDATE banner SET clicks = clicks + 31 WHERE id IN (1, 2);
UPDATE promo_code SET used = 214 WHERE id = 1;

INSERT INTO auth_user (id, username, email, password_hash, is_staff) VALUES
    (4, 'kasia', 'kasia@shop.example', 'pbkdf2$demo-4', TRUE);

-- Page 41 exists on TEST as well, as another page.
INSERT INTO cms_page
    (id, slug, title, template, hero_media_id, author_id, published, views, created_at, updated_at)
VALUES
    (41, 'christmas-parcels', 'Parcels before Christmas', 'default', NULL, 3, TRUE, 388, '2026-11-04 08:15:00', '2026-11-04 08:15:00'),
    (43, 'gift-guide', 'Gift guide', 'guide', NULL, 3, TRUE, 102, '2026-11-10 14:00:00', '2026-11-10 14:30:00');
INSERT INTO cms_page_block (id, page_id, position, kind, body, settings) VALUES
    (60, 41, 1, 'text', 'Order until 20 December.', NULL),
    (61, 43, 1, 'text', 'Something small for everyone.', NULL);
INSERT INTO cms_page_translation (id, page_id, locale, title) VALUES
    (4, 41, 'pl', 'Paczki przed świętami');

-- A correction made directly on PROD, after TEST had changed the same page.
UPDATE cms_page_block SET body = 'We make skin care in small batches in Wieliczka.' WHERE id = 51;
UPDATE cms_page SET updated_at = '2026-11-18 09:02:00' WHERE id = 1;
