SELECT buyer, count(*) FROM orders GROUP BY ROLLUP (buyer)
