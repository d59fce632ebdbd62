// The newest of something, bounded by how many there are and by what they weigh.

export class Ring<T> {
  #items: (T | undefined)[];
  #weights: number[];
  /** Where the oldest stands. */
  #start = 0;
  #length = 0;
  #weight = 0;
  /** How many were ever put in: the number of the newest. */
  #count = 0;

  /** At least one is kept, whatever it weighs. */
  constructor(
    private readonly most: number,
    private readonly heaviest: number = Infinity,
  ) {
    this.#items = new Array<T | undefined>(most);
    this.#weights = new Array<number>(most).fill(0);
  }

  get length(): number {
    return this.#length;
  }

  get weight(): number {
    return this.#weight;
  }

  get count(): number {
    return this.#count;
  }

  push(item: T, weight = 0): void {
    if (this.#length === this.most) this.#drop();
    const place = (this.#start + this.#length) % this.most;
    this.#items[place] = item;
    this.#weights[place] = weight;
    this.#length += 1;
    this.#count += 1;
    this.#weight += weight;
    while (this.#weight > this.heaviest && this.#length > 1) this.#drop();
  }

  /** The newest is at 0. */
  at(place: number): T | undefined {
    if (place < 0 || place >= this.#length) return undefined;
    return this.#items[(this.#start + this.#length - 1 - place) % this.most];
  }

  /** The newest first. */
  newest(most: number = this.#length): T[] {
    const out: T[] = [];
    for (let place = 0; place < Math.min(most, this.#length); place += 1) out.push(this.at(place) as T);
    return out;
  }

  /** The oldest first. */
  oldest(): T[] {
    return this.newest().reverse();
  }

  clear(): void {
    while (this.#length > 0) this.#drop();
  }

  #drop(): void {
    this.#weight -= this.#weights[this.#start] ?? 0;
    this.#items[this.#start] = undefined;
    this.#start = (this.#start + 1) % this.most;
    this.#length -= 1;
  }
}
