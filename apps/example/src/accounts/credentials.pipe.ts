import { BadRequestException, Injectable } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';

export interface Credentials {
  email: string;
  password: string;
}

@Injectable()
export class CredentialsPipe implements PipeTransform<unknown, Credentials> {
  transform(body: unknown): Credentials {
    const { email, password } = (body ?? {}) as Partial<Record<keyof Credentials, unknown>>;
    if (typeof email !== 'string' || typeof password !== 'string') {
      throw new BadRequestException('The body takes {"email": string, "password": string}');
    }
    return { email, password };
  }
}
