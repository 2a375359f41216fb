SELECT id FROM orders WHERE buyer IN (SELECT order_id FROM items WHERE amount = 2 LIMIT 5)
