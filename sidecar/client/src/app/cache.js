export class Cache {}
