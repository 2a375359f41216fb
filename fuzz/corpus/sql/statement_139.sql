SELECT greatest(-1, total) FROM orders WHERE total NOT BETWEEN -5 AND -1
