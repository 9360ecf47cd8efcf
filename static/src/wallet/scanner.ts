// The decoder of QR codes: a bundle of its own.
import decodeQR from "qr/decode.js";

export type Decode = (image: ImageData) => string | undefined;

/** The text of the code in a picture, if there is one. */
export const decode: Decode = ({ data, width, height }) => {
  try {
    return decodeQR({ data, width, height });
  } catch {
    return undefined; // no code in it, or not to be read
  }
};
