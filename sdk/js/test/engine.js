// What QuickJS has and node 18 has not.
String.prototype.toWellFormed ??= function () {
  return this.replace(/\p{Surrogate}/gu, "\uFFFD");
};
