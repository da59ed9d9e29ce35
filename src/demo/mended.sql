-- What two editors do on TEST once they have seen the first plan.

-- PROD corrected this page later. The correction is taken over, so that nothing is lost.
UPDATE cms_page_block SET body = 'We make skin care in small batches in Wieliczka.' WHERE id = 51;
UPDATE cms_page SET updated_at = '2026-11-20 09:30:00' WHERE id = 1;

-- Orders refer to the hand cream, so it stays as a product that is no longer sold.
INSERT INTO product
    (id, sku, name, description, active, media_id, purchase_price, stock, created_at, updated_at)
VALUES
    (106, 'AB-106', 'Hand cream', 'Last pieces, the recipe is going.', FALSE, 12, 6.10, 0, '2024-05-20 12:20:00', '2026-11-20 09:40:00');
INSERT INTO product_variant (id, product_id, sku, name, stock) VALUES
    (205, 106, 'AB-106-75', '75 ml', 0);
INSERT INTO product_price (id, product_id, currency, amount, amount_before) VALUES
    (307, 106, 'PLN', 14.90, 29.90);
INSERT INTO product_category (product_id, category_id) VALUES (106, 13);
