return { sword = 100, shield = 75, horse = 5000 }
