declare function binary(): string;
export = binary;
