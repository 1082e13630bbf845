/**
 * What a reload does for objects of classes that it has replaced: they get the methods of the new class, and are instances of it.
 * Their fields stay. Where one of the classes has private members, which only its own objects have, nothing changes.
 */
export function upgradeClasses(before: Record<string, unknown>, after: Record<string, unknown>): void {
  for (const [name, old] of Object.entries(before)) {
    const renewed = after[name]
    if (old === renewed || !isOpenClass(old) || !isOpenClass(renewed)) continue
    for (const key of Reflect.ownKeys(old.prototype)) if (key !== 'constructor') Reflect.deleteProperty(old.prototype, key)
    Reflect.setPrototypeOf(old.prototype, renewed.prototype)
  }
}

type Class = { prototype: object }

/** A class without `#private` members, also in the form that older JavaScript has for them. */
function isOpenClass(value: unknown): value is Class {
  if (typeof value !== 'function') return false
  const source = Function.prototype.toString.call(value)
  return /^class\b/.test(source) && !/#[\p{ID_Start}$_]|__private/u.test(source)
}
