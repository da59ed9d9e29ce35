-- What happens on PROD while the campaign is applied: a customer puts three jars of day cream into the
-- basket.
UPDATE availability SET quantity = 86 WHERE id = 1;
