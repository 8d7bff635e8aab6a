import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { AccountsService } from './accounts.service.js';
import { type Credentials, CredentialsPipe } from './credentials.pipe.js';

@Controller('accounts')
export class AccountsController {
  constructor(private readonly accountsService: AccountsService) {}

  @Post('login')
  @HttpCode(200)
  login(@Body(CredentialsPipe) credentials: Credentials) {
    return this.accountsService.login(credentials);
  }
}
